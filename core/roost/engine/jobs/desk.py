"""What those outside see of an agent's jobs, and do to them. Nobody is woken by a look.

Who may not see a job is told what is told of one that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic_core import from_json

from ...author.asking import NAME
from ...author.may import starter_may
from ...contract.caller import source_of
from ...contract.encoding import encode
from ...contract.errors import NotFound, Rejected
from ...contract.job import EndedJob, Job, Note, holds
from ...contract.job_refusals import no_question
from ...contract.journal import read
from ...contract.stream import NAME as NAME_OF_STREAM
from ...contract.stream import cursor
from ...contract.stream import read as read_stream
from .reading import Reader

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from ...author.app import App
    from ...author.may import JobOperation
    from ...contract.address import Address
    from ...contract.commit import Snapshot
    from ...contract.job import LiveJob, NoteKind, Question, Rung
    from ...contract.stream import Cursor
    from ...contract.trigger import Caller
    from ...ports import Host, Leases, Store
    from .executor import Executor
    from .streaming import Streams

SOONEST: Final = 0.05
"""Seconds between the first two looks at a job that is waited for."""
LATEST: Final = 1.0
HOOK: Final = 10.0
"""Seconds that the hook of `App(may=...)` may take."""
STEPS: Final = 1000
"""Facts of a journal that are told of one job, the newest."""


class Asked(Protocol):
    """What it needs of a runtime."""

    app: App
    store: Store
    host: Host
    log: logging.Logger
    closing: bool
    jobs: Executor | None
    leases: Leases | None

    def carries(self, address: Address, uid: str) -> bool: ...
    def look_at_jobs(self, address: Address) -> None: ...
    async def existing(self, address: Address) -> Snapshot: ...
    async def tell_job(self, address: Address, uid: str, note: Note) -> Rung: ...
    async def hold_job(self, address: Address, uid: str, held: bool) -> None: ...


class JobDesk:
    """Of one runtime."""

    def __init__(self, runtime: Asked) -> None:
        self._runtime = runtime
        self._journal = runtime.store.journal

    async def listed(self, address: Address, caller: Caller | None, limit: int) -> list[dict[str, Any]]:
        """The live ones in the order of their start, then at most `limit` that ended, the last first."""
        await self._runtime.existing(address)
        found: list[Job | EndedJob] = [*await self._journal.jobs(address)]
        found += await self._journal.ended(address, limit)
        return [self._told(address, job) for job in found if await self._may(caller, "jobs.read", address, job.live)]

    async def one(self, address: Address, id: str, caller: Caller | None, wait: float = 0.0) -> dict[str, Any]:
        """A job by its id, or a live one by its key; waits up to `wait` seconds for its end. NotFound `no-job`."""
        host = self._runtime.host
        edge, pause = host.monotonic() + wait, SOONEST
        while True:
            job = await self._seen(address, id, caller, "jobs.read")
            left = edge - host.monotonic()
            if isinstance(job, EndedJob) or left <= 0 or self._runtime.closing:
                return self._told(address, job)
            id = job.live.uid
            await host.sleep(min(pause, left))
            pause = min(LATEST, 1.5 * pause)

    def _told(self, address: Address, job: Job | EndedJob) -> dict[str, Any]:
        told = described(job, self._runtime.host.now())
        executor, which = self._runtime.jobs, (address, job.live.uid)
        if executor is not None and which in executor.troubles and which not in executor.carried:
            told |= {"status": "waiting", "trouble": executor.troubles[which].error.code}  # kept for the next boot
        return told

    async def cancel(self, address: Address, id: str, caller: Caller | None, note: str | None) -> dict[str, Any]:
        """Have a job cancelled, once under the note's id. NotFound `no-job`; Rejected 409 `job-ended`."""
        live = (await self._seen(address, id, caller, "jobs.cancel")).live
        await self._tell(address, caller, live.uid, "cancel", "", b"null", note)
        return {"id": live.uid}

    async def signal(
        self, address: Address, id: str, caller: Caller | None, name: str, value: Any, note: str | None
    ) -> dict[str, Any]:
        """Tell a job something, once under the note's id. LimitExceeded `job_signals`; Rejected 409 `job-ended`."""
        if not 0 < len(name) <= NAME:
            raise Rejected(f"a signal's name has 1 to {NAME} characters", code="bad-signal", status=422)
        live = (await self._seen(address, id, caller, "jobs.signal")).live
        return await self._tell(address, caller, live.uid, "signal", name, encode(value, f"the signal {name}"), note)

    async def questions(self, address: Address, caller: Caller | None) -> list[dict[str, Any]]:
        """The open ones that the caller may answer."""
        await self._runtime.existing(address)
        told: list[dict[str, Any]] = []
        for job in await self._journal.jobs(address):
            for question in await self._journal.questions(address, job.live.uid):
                asked: dict[str, Any] = from_json(question.data)
                if question.closed is None and await self._answers(caller, address, job.live, asked["who"]):
                    told += (_asked(job.live.uid, question, asked),)
        return told

    async def answer(
        self, address: Address, question: str, caller: Caller | None, value: Any, note: str | None
    ) -> dict[str, Any]:
        """Answer a question, by its id. Rejected 422 `bad-answer`, 409 `question-closed`, `job-ended`."""
        uid = question.partition("-")[0]
        job = await self._journal.job(address, uid)
        asked: Sequence[Question] = () if job is None else await self._journal.questions(address, uid)
        found = next((x for x in asked if x.id == question), None)
        who = None if found is None else from_json(found.data)["who"]
        if job is None or not await self._answers(caller, address, job.live, who):
            raise no_question(uid, question)
        return await self._tell(address, caller, uid, "answer", question, encode(value, "the answer"), note)

    async def _tell(
        self, address: Address, caller: Caller | None, uid: str, kind: NoteKind, name: str, data: bytes, id: str | None
    ) -> dict[str, Any]:
        host, source = self._runtime.host, source_of(caller)
        principal = "" if caller is None else caller.principal
        own = id or f"{host.entropy():016x}{host.entropy():016x}"
        scoped = f"{source}:{len(principal)}:{principal}:{own}"  # two callers may use the same
        rung = await self._runtime.tell_job(address, uid, Note(scoped, kind, name, data, host.now(), source, principal))
        assert rung.note is not None
        return {"id": uid, "at": rung.note.at, "by": rung.note.principal or rung.note.source, "first": rung.fresh}

    async def hold(self, address: Address, id: str, held: bool) -> dict[str, Any]:
        """An operator holds a job, or lets it go on. NotFound `no-job`; Rejected 409 `job-ended`."""
        uid = (await self._found(address, id)).live.uid
        await self._runtime.hold_job(address, uid, held)
        return {"id": uid, "held": held}

    async def restart(self, address: Address, id: str) -> dict[str, Any]:
        """An operator has a job begin anew. NotFound `no-job`; Rejected 409 `job-ended`, `job-running`."""
        from .restarting import restart

        uid = (await self._found(address, id)).live.uid
        return {"id": uid, "run": await restart(self._runtime, address, uid)}

    async def steps(self, address: Address, id: str, caller: Caller | None) -> list[dict[str, Any]]:
        """What the journal of a live job says, without values: {"at", "kind", "name", "id"}, oldest first."""
        job = await self._seen(address, id, caller, "jobs.read")
        told: list[dict[str, Any]] = []
        if isinstance(job, EndedJob):
            return told
        after = job.base
        while page := await self._journal.rows(address, job.live.uid, after):
            for line in page:
                facts = read(line.position, line.data).facts
                told += [{"at": fact.at, "kind": fact.kind, "name": fact.name, "id": fact.id} for fact in facts]
            after = page[-1].position
            del told[:-STEPS]
        return told

    async def stream(self, address: Address, id: str, name: str, caller: Caller | None, after: str = "") -> Reader:
        """A reader of a job's stream, from behind a cursor on. NotFound `no-job`; Rejected 422 `bad-cursor`."""
        if not NAME_OF_STREAM.fullmatch(name):
            raise Rejected(f"no stream has the name {name[:70]!r}", code="bad-stream", status=422)
        place = cursor(after)
        uid = (await self._seen(address, id, caller, "streams.read")).live.uid
        return self.reader(address, uid, name, place)

    async def streams(self, address: Address, id: str, caller: Caller | None) -> list[dict[str, Any]]:
        """The job's streams of which something is stored: {"name"}, in the order in which they began."""
        uid = (await self._seen(address, id, caller, "streams.read")).live.uid
        names: dict[str, None] = {}
        after = 0
        while page := [x for x in await self._journal.streamed(address, uid, after) if x.last > after]:
            for line in page:
                names.update((entry.name, None) for entry in read_stream(line).entries if entry.name)
            after = page[-1].last
        return [{"name": name} for name in names]

    def reader(self, address: Address, uid: str, name: str, place: Cursor) -> Reader:
        return Reader(self._runtime.host, self._journal, self.local(address, uid), address, uid, name, place)

    def local(self, address: Address, uid: str) -> Callable[[], Streams | None]:
        """What the job says, if this host carries it out."""

        def find() -> Streams | None:
            jobs = self._runtime.jobs
            return None if jobs is None else jobs.streams(address, uid)

        return find

    async def uid(self, address: Address, id: str, caller: Caller | None, what: JobOperation) -> str:
        """Of a job that the caller may do this to. NotFound `no-job`."""
        return (await self._seen(address, id, caller, what)).live.uid

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
        may = self._runtime.app.may
        if may is None:
            return await starter_may(caller, what, address, live)
        try:
            async with self._runtime.host.timeout(HOOK):
                return await may(caller, what, address, live) is True
        except Exception as error:  # whatever the author's code can raise
            self._runtime.log.error("App(may=...) failed, so %s is refused: %r", what, error, exc_info=error)
            return False

    async def _answers(self, caller: Caller | None, address: Address, live: LiveJob, who: str | None) -> bool:
        """A question that names a role is for clients of that role, and for whom else the app's hook lets."""
        if who is not None and (caller is None or caller.source != "operator"):
            if caller is not None and caller.source == "client" and who in caller.roles:
                return True
            if self._runtime.app.may is None:
                return False
        return await self._may(caller, "questions.answer", address, live)


def _asked(uid: str, question: Question, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": question.id, "job": uid, "text": asked["text"], "who": asked["who"], "schema": asked["schema"],
        "asked": question.asked, "expires": question.expires,
    }  # fmt: skip


def _no_job(address: Address, id: str) -> NotFound:
    return NotFound(f"{address} has no job {id!r} that you may reach", code="no-job")


def described(job: Job | EndedJob, now: float) -> dict[str, Any]:
    """A job as JSON data; times are epoch seconds. `value` or `error` (a problem): of one that ended."""
    live = job.live
    told: dict[str, Any] = {
        "id": live.uid, "key": live.key, "name": live.name, "status": "ended", "started": live.started,
        "deadline": live.deadline, "by": {"source": live.source, "principal": live.principal},
    }  # fmt: skip
    if isinstance(job, EndedJob):
        return {**told, "ended": job.ended, **from_json(job.outcome)}
    held = holds(job, now)
    status = "ending" if job.ended else "held" if held else "running" if job.owner else "waiting"
    if held and not job.held:
        told["held_until"] = job.held_until
    return {**told, "status": status, "run": job.run, "due": None if held or job.owner else job.due}
