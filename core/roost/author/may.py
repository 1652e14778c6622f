"""Who may look at a job, and tell it something: `App(may=...)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.job import LiveJob
    from ..contract.trigger import Caller

JobOperation: TypeAlias = Literal["jobs.read", "jobs.cancel", "jobs.signal", "questions.answer", "streams.read"]
May: TypeAlias = "Callable[[Caller | None, JobOperation, Address, LiveJob], Awaitable[bool]]"
"""`async def may(caller, operation, address, job) -> bool`; caller None: the app has no auth hook, and nobody said who
asks. Operators are not asked for."""


async def starter_may(caller: Caller | None, operation: JobOperation, address: Address, job: LiveJob) -> bool:
    """As long as the app says nothing else: whoever started it, if that is somebody with a name."""
    return (
        caller is not None
        and bool(caller.principal)
        and (caller.source, caller.principal) == (job.source, job.principal)
    )
