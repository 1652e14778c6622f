"""Who may read a turn's stream, where turns may be begun by somebody without a name: `App(may=session_may)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roost.author.may import starter_may

from .turns import TURN

if TYPE_CHECKING:
    from roost.author.may import JobOperation
    from roost.contract.address import Address
    from roost.contract.job import LiveJob
    from roost.contract.trigger import Caller


async def session_may(caller: Caller | None, operation: JobOperation, address: Address, job: LiveJob) -> bool:
    """Whoever started it; and a turn that was begun without a name is read by whoever knows the session's key."""
    if await starter_may(caller, operation, address, job):
        return True
    return operation in ("jobs.read", "streams.read") and job.name == TURN and not job.principal
