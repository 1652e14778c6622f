"""The jobs of an agent that is exported (rule 48): held, then read while nobody has them, and left held for a while.

Whoever destroys the agent as it was exported finds them as they were; else they go on when the time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic_core import to_json

from ...contract.commit import Handled
from ...contract.errors import Conflict, NotFound, Rejected, Unreadable
from ...contract.job import ENDED, KEPT, Claimed, EndedJob, Job, JobMoved, JournalLine, Note, mark
from ...contract.journal import Fact, read, write
from ..export_jobs import Jobs
from .hold import CLAIM
from .waits import note_of

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...ports import Host, Leases, Store

HELD: Final = 600.0
"""Seconds for which an export holds the jobs."""
PATIENCE: Final = 1.0
"""Seconds that the export waits for steps that run."""
LOOK: Final = 0.05
SETTLED: Final = frozenset({"value", "failed", "unknown", "cancelled", "answer", "expired"})
"""Facts that say what a call came to."""


class Needs(Protocol):
    store: Store
    host: Host
    leases: Leases | None

    def carries(self, address: Address, uid: str) -> bool: ...
    def look_at_jobs(self, address: Address) -> None: ...


class Leaving:
    """Of one export. `fits`: refuses more bytes than an export may have."""

    def __init__(self, runtime: Needs, address: Address, fits: Callable[[int], None]) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._store = runtime.store
        self._journal = runtime.store.journal
        self._address = address
        self._fits = fits
        self._until = 0.0
        self.size = 0
        """Bytes."""
        self._settled: dict[str, tuple[int, set[str]]] = {}
        """By uid: the run, and calls of it whose end its journal says."""
        self.live: list[JobMoved] = []
        self.ended: list[EndedJob] = []
        self.inbox: list[Handled] = []

    async def gather(self, live: bool) -> None:
        """All that travels. Rejected 409 `jobs-under-way`; Conflict. `live`: there are live jobs."""
        if live:
            await self._hold()
            for job in await self._journal.jobs(self._address):
                self.live.append(await self._read(job))
            await self._did()
        now = self._host.now()
        for ended in await self._journal.ended(self._address, ENDED):
            self.size += len(ended.outcome)
            if ended.ended > now - KEPT:
                self._fits(self.size)
                self.ended.append(ended)

    def found(self) -> Jobs:
        return Jobs(self.live, self.ended, self.inbox)

    async def check(self) -> None:
        """Conflict: somebody claimed one meanwhile, or told it something."""
        found = [mark(job) for job in await self._journal.jobs(self._address)]
        if found != [mark(one.job) for one in self.live]:
            raise self._changed()
        if found:
            self._runtime.look_at_jobs(self._address)  # they are due when the time is over

    async def release(self) -> None:
        """Nothing is exported: they go on."""
        for job in await self._journal.jobs(self._address):
            if job.held_until:
                with suppress(NotFound, Rejected):
                    await self._journal.hold(self._address, job.live.uid, False, self._host.now())
        self._runtime.look_at_jobs(self._address)

    async def _hold(self) -> None:
        now, host = self._host.now(), self._host
        self._until = now + HELD
        for job in await self._journal.jobs(self._address):
            if not job.held and job.ended is None:
                with suppress(NotFound, Rejected):  # it ended a moment ago
                    await self._journal.hold(self._address, job.live.uid, True, now, self._until)
        self._runtime.look_at_jobs(self._address)
        edge = host.monotonic() + PATIENCE
        while any(self._runs(job) for job in await self._journal.jobs(self._address)):
            if host.monotonic() >= edge:
                raise self._busy()
            await host.sleep(LOOK)

    def _runs(self, job: Job) -> bool:
        """A host has it. One that died holds nothing up: what it did not write down travels with the inbox."""
        if self._runtime.leases is not None:
            return job.owner != "" and job.until > self._host.now()
        return self._runtime.carries(self._address, job.live.uid)

    async def _read(self, job: Job) -> JobMoved:
        address, uid, now = self._address, job.live.uid, self._host.now()
        owner = f"export-{self._host.entropy():016x}"
        sole = self._runtime.leases is None
        claimed = await self._journal.claim(address, uid, owner, now, now + CLAIM, sole)
        if not isinstance(claimed, Claimed):
            raise self._busy()
        lines: list[JournalLine] = []
        while page := await self._journal.rows(address, uid, lines[-1].position if lines else claimed.job.base):
            lines += page
            self.size += sum(len(line.data) for line in page)
            self._fits(self.size)
        last = lines[-1] if lines else None
        if not sole and claimed.job.ended is None and not self._fenced(job, claimed, last):
            position = (claimed.job.base if last is None else last.position) + 1
            row = write([Fact("claim", now, data=to_json(owner))])
            if not await self._journal.append(claimed.claim, position, row):
                raise self._busy()  # a row that nobody waited for any more
            lines.append(JournalLine(position, claimed.claim.number, row))
        notes = await self._journal.notes(address, uid)
        questions = await self._journal.questions(address, uid)
        self.size += len(claimed.args) + sum(len(x.data) for x in notes) + sum(len(x.data) for x in questions)
        self._fits(self.size)
        due = claimed.job.live.deadline if claimed.job.held else self._until
        await self._journal.let_go(claimed.claim, None, job.due if claimed.job.ended else due)
        left = replace(claimed.job, owner="", until=0.0, due=None, held_until=0.0)
        taken = self._taken(uid, left.run, lines, {note.id for note in notes})
        return JobMoved(left, claimed.args, tuple(lines), tuple(notes), taken, tuple(questions))

    @staticmethod
    def _fenced(before: Job, claimed: Claimed, last: JournalLine | None) -> bool:
        """Nobody who thinks it has the job can write: the last one that did gave it back."""
        if claimed.claim.number == 1:
            return True
        return not before.owner and last is not None and last.claim == claimed.claim.number - 1

    def _taken(self, uid: str, run: int, lines: Sequence[JournalLine], waiting: set[str]) -> tuple[Note, ...]:
        """Notes that rows of this run tell of; and what became of its calls is noted down."""
        taken: dict[str, Note] = {}
        settled: set[str] = set()
        for line in lines:
            with suppress(Unreadable, ValueError, KeyError, TypeError):  # it costs itself, when the job goes on
                for fact in read(line.position, line.data).facts:
                    if fact.kind in SETTLED:
                        settled.add(fact.id)
                    if (id := note_of(fact)) and id not in waiting and id != "deadline":
                        kind: Any = fact.kind
                        taken[id] = Note(id, kind, fact.name, b"null", fact.at)
        self._settled[uid] = run, settled
        return tuple(taken.values())

    async def _did(self) -> None:
        """What the jobs did to the agent, and their journals don't say: done again there it must count once."""
        begins, now = f"{self._address}/job:", self._host.now()
        for row in await self._store.handled(self._address, begins):
            uid, run, branch, n, *_ = [*row.id.removeprefix(begins).split("/"), "", "", ""]
            current, settled = self._settled.get(uid, (0, set[str]()))
            if row.expires > now and run == str(current) and f"{branch}:{n}" not in settled:
                self.size += len(row.value)
                self._fits(self.size)
                self.inbox.append(row)

    def _changed(self) -> Conflict:
        return Conflict(f"the jobs of {self._address} changed while it was exported; export it again")

    def _busy(self) -> Rejected:
        return Rejected(
            f"a job of {self._address} has a step under way; none begins any more for {HELD / 60:.0f} minutes, so "
            "export it again when the step is over",
            code="jobs-under-way", status=409, retry_after=1.0,
        )  # fmt: skip
