"""An operator has a job begin anew: one that does not fit its code any more, or waits for what will never come.

It is `run.again` with the arguments it has: the next run, an empty journal, the same id, key and deadline. What it did
is done: steps run again, those too that may run once at most, under ids of the new run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ...contract.errors import Rejected
from ...contract.job import Claimed, Job
from ...contract.job_refusals import no_job, over
from ...contract.journal import Fact, write
from .hold import CLAIM

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...ports import Host, Leases, Store


class Restarts(Protocol):
    """What it needs of a runtime."""

    store: Store
    host: Host
    leases: Leases | None

    def carries(self, address: Address, uid: str) -> bool: ...
    def look_at_jobs(self, address: Address) -> None: ...


async def restart(runtime: Restarts, address: Address, uid: str) -> int:
    """The number of its new run. NotFound `no-job`; Rejected 409 `job-ended`, `job-running`."""
    journal, host = runtime.store.journal, runtime.host
    job = await journal.job(address, uid)
    if not isinstance(job, Job) or job.ended is not None:
        raise no_job(address, uid) if job is None else over(address, uid)
    if runtime.carries(address, uid):
        raise _running(address, uid)
    now = host.now()
    owner = f"restart-{host.entropy():016x}"
    claimed = await journal.claim(address, uid, owner, now, now + CLAIM, runtime.leases is None)
    if not isinstance(claimed, Claimed):
        raise _running(address, uid)
    last = claimed.job.base
    while page := await journal.rows(address, uid, last):
        last = page[-1].position
    row = write([Fact("again", now, data=claimed.args)])
    if not await journal.append(claimed.claim, last + 1, row, again=claimed.args):
        raise _running(address, uid)
    await journal.let_go(claimed.claim, None, now)
    runtime.look_at_jobs(address)
    return claimed.job.run + 1


def _running(address: Address, uid: str) -> Rejected:
    return Rejected(
        f"the job {uid!r} of {address} is being carried out: cancel it, or hold it and restart it when nothing of it "
        "runs",
        code="job-running", status=409, retry_after=1.0,
    )  # fmt: skip
