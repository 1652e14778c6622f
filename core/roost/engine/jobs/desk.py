"""What those outside see of an agent's jobs, and do to them. Nobody is woken by a look.

Who may not see a job is told what is told of one that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from ...author.may import starter_may
from ...contract.caller import source_of
from ...contract.errors import NotFound
from ...contract.job import EndedJob, Job, Note

if TYPE_CHECKING:
    from ...author.may import JobOperation
    from ...contract.address import Address
    from ...contract.job import LiveJob
    from ...contract.trigger import Caller
    from ..runtime import Runtime

SOONEST: Final = 0.05
"""Seconds between the first two looks at a job that is waited for."""
LATEST: Final = 1.0


class JobDesk:
    """Of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._journal = runtime.store.journal

    async def listed(self, address: Address, caller: Caller | None, limit: int) -> list[dict[str, Any]]:
        """The live ones in the order of their start, then at most `limit` that ended, the last first."""
        await self._runtime.existing(address)
        found: list[Job | EndedJob] = [*await self._journal.jobs(address)]
        found += await self._journal.ended(address, limit)
        return [described(job) for job in found if await self._may(caller, "jobs.read", address, job.live)]

    async def one(self, address: Address, id: str, caller: Caller | None, wait: float = 0.0) -> dict[str, Any]:
        """A job by its id, or a live one by its key; waits up to `wait` seconds for its end. NotFound `no-job`."""
        host = self._runtime.host
        edge, pause = host.monotonic() + wait, SOONEST
        while True:
            job = await self._seen(address, id, caller, "jobs.read")
            left = edge - host.monotonic()
            if isinstance(job, EndedJob) or left <= 0 or self._runtime.closing:
                return described(job)
            id = job.live.uid
            await host.sleep(min(pause, left))
            pause = min(LATEST, 1.5 * pause)

    async def cancel(self, address: Address, id: str, caller: Caller | None, note: str | None) -> dict[str, Any]:
        """Have a job cancelled, once under the note's id. NotFound `no-job`; Rejected 409 `job-ended`."""
        live = (await self._seen(address, id, caller, "jobs.cancel")).live
        host = self._runtime.host
        name = note or f"{host.entropy():016x}{host.entropy():016x}"
        principal = "" if caller is None else caller.principal
        told = Note(name, "cancel", "", b"null", host.now(), source_of(caller), principal)
        await self._runtime.tell_job(address, live.uid, told)
        return {"id": live.uid}

    async def hold(self, address: Address, id: str, held: bool) -> dict[str, Any]:
        """An operator holds a job, or lets it go on. NotFound `no-job`; Rejected 409 `job-ended`."""
        uid = (await self._found(address, id)).live.uid
        await self._journal.hold(address, uid, held, self._runtime.host.now())
        self._runtime.look_at_jobs(address)
        return {"id": uid, "held": held}

    async def _found(self, address: Address, id: str) -> Job | EndedJob:
        found = await self._journal.job(address, id)
        if found is None:
            keyed = (await self._runtime.existing(address)).jobs
            uid = next((live.uid for live in keyed if live.key == id), None)
            found = None if uid is None else await self._journal.job(address, uid)
        if found is None:
            raise _no_job(address, id)
        return found

    async def _seen(self, address: Address, id: str, caller: Caller | None, what: JobOperation) -> Job | EndedJob:
        found = await self._found(address, id)
        if not await self._may(caller, what, address, found.live):
            raise _no_job(address, id)
        return found

    async def _may(self, caller: Caller | None, what: JobOperation, address: Address, live: LiveJob) -> bool:
        if caller is not None and caller.source == "operator":
            return True
        return await (self._runtime.app.may or starter_may)(caller, what, address, live)


def _no_job(address: Address, id: str) -> NotFound:
    return NotFound(f"{address} has no job {id!r} that you may reach", code="no-job")


def described(job: Job | EndedJob) -> dict[str, Any]:
    """A job as JSON data; times are epoch seconds. `value` or `error` (a problem): of one that ended."""
    live = job.live
    told: dict[str, Any] = {
        "id": live.uid, "key": live.key, "name": live.name, "status": "ended", "started": live.started,
        "deadline": live.deadline, "by": {"source": live.source, "principal": live.principal},
    }  # fmt: skip
    if isinstance(job, EndedJob):
        return {**told, "ended": job.ended, **from_json(job.outcome)}
    status = "ending" if job.ended else "held" if job.held else "running" if job.owner else "waiting"
    return {**told, "status": status, "run": job.run, "due": None if job.held else job.due}
