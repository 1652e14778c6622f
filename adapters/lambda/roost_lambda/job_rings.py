"""Rings for jobs that are due: what hosts do that carry none out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from .bells import JobBell

if TYPE_CHECKING:
    from collections.abc import Callable

    from roost.contract.address import Address
    from roost.journal import Journal

    from .bells import Bells

SKEW: Final = 1.0
"""Seconds by which the clock of whoever made a job due may be ahead."""


async def ring_due(journal: Journal, bells: Bells, now: Callable[[], float], address: Address) -> None:
    """For those of an agent that nobody has. A claimed one's executor has a message of its own, which comes back."""
    due: list[JobBell] = []
    for job in await journal.jobs(address):
        claimed = job.owner and job.until > now()
        if not claimed and not job.held and job.due is not None and job.due <= now() + SKEW:
            due.append(JobBell(address, job.live.uid, job.due))
    await asyncio.gather(*(bells.ring_job(bell, 0.0) for bell in due))
