"""Rules about what a store took of jobs: rows without a gap, each outcome once, one end, nothing of a past life."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pydantic_core import from_json

from roost import JobDone
from roost.contract.address import Address
from roost.contract.commit import Commit, Snapshot
from roost.contract.job import Claim, Job, JobEnd, JobMoved, JobStart
from roost.contract.journal import Fact, read

from .history import History

if TYPE_CHECKING:
    from .job_streams import Streams
    from .telling import Telling

EXPECTED: Final = frozenset({"planned", "cancelled", "deadline"})
"""Codes of errors that jobs end with."""
OTHER_CODE: Final = frozenset({"diverged", "no-code"})
"""And where hosts have another version of the app."""
OUTCOMES: Final = frozenset({"value", "failed", "unknown"})
LATE: Final = 60.0


@dataclass(slots=True)
class Toils:
    """One job, from the commit that started it to the one that ended it."""

    generation: int
    rows: list[bytes] = field(default_factory=list[bytes])
    known: set[str] = field(default_factory=set[str])
    """Calls whose outcome is kept, or that were begun and may not be again: "value 0:1"."""
    ended: bytes | None = None
    """The outcome in its last row."""


class JobModel:
    """Told of every write to a journal that the store really made, in order, and of commits."""

    def __init__(self, history: History, tokens: dict[str, int]) -> None:
        self.history = history
        self.tokens = tokens
        self.shared = False
        self.changed = False
        """Hosts may have another version of the app."""
        self.streams: Streams | None = None
        """Set where what steps do is streamed."""
        self.telling: Telling | None = None
        """Set where jobs are told something."""
        self.live: dict[tuple[Address, str], Toils] = {}
        self.started: dict[tuple[Address, str], int] = {}
        """All that ever were: the generation of their agent."""
        self.recorded: dict[str, str] = {}
        """The step, as it names itself -> what it returned, by its journal."""
        self.gone: dict[tuple[Address, str], Toils] = {}
        """Those whose agent was destroyed, the last time that it was: an import may bring them back."""
        self.adopted: set[tuple[str, int, int]] = set()
        """(key, generation in which a job was started, a later one into which it moved)."""
        self._keys: dict[tuple[Address, str], str] = {}

    def broken(self, rule: str, how: str) -> None:
        self.history.broken(rule, how)

    # Commits -----------------------------------------------------------------------------------------

    def committed(self, commit: Commit, after: Snapshot) -> None:
        me = f"{commit.address} v{commit.version}"
        for one in commit.jobs:
            if isinstance(one, JobStart):
                if commit.state is None:
                    self.broken("failed", f"{me}: it begins the job {one.live.uid}, and no run took effect")
                self._began(commit, one)
            elif isinstance(one, JobMoved):
                self._came(commit, one)
            elif isinstance(one, JobEnd):
                self._over(commit, one)
        if commit.restored:
            for (address, uid), job in self.gone.items():
                if address == commit.address and job.generation == commit.generation - 1:
                    self.broken("job-moved", f"{me}: the job {uid} was not exported")
        if commit.destroy:
            if self.streams is not None:
                self.streams.gone(commit.address)
            self.gone = {x: job for x, job in self.gone.items() if x[0] != commit.address}
            for x in [x for x in self.live if x[0] == commit.address]:
                self.gone[x] = self.live.pop(x)
        mine = sorted(uid for address, uid in self.live if address == commit.address)
        if (shown := sorted(x.uid for x in after.jobs)) != mine:
            self.broken("atomic", f"{me}: the jobs {shown} live, and {mine} should")

    def _began(self, commit: Commit, one: JobStart) -> None:
        key = commit.address, one.live.uid
        self.history.note("job", f"{commit.address} {one.live.uid}")
        if key in self.started:
            self.broken("job-once", f"the job {one.live.uid} of {commit.address} was started twice")
        if one.live.key is not None:
            for address, other in self.live:
                if address == commit.address and self._keys.get((address, other)) == one.live.key:
                    self.broken("job-key", f"{commit.address}: two jobs of the key {one.live.key!r} live")
            self._keys[key] = one.live.key
        self.started[key] = commit.generation
        self.live[key] = Toils(commit.generation)
        if self.streams is not None:
            self.streams.began(commit.address, one.live.uid)

    def _came(self, commit: Commit, one: JobMoved) -> None:
        """It was exported, and is imported as it was when its agent was destroyed."""
        key = commit.address, one.job.live.uid
        me = f"{commit.address} v{commit.version}: the job {key[1]}"
        job = self.gone.pop(key, None)
        if job is None or job.generation != commit.generation - 1:
            self.broken("job-moved", f"{me} is imported, and did not live when its agent was destroyed")
            return
        if [line.data for line in one.lines] != job.rows:
            self.broken("job-moved", f"{me} comes with {len(one.lines)} rows, and had {len(job.rows)}, or others")
        self.history.note("job-moved", f"{commit.address} {key[1]}")
        born = self.started[key]
        self.adopted |= {(commit.address.key, born, generation) for generation in range(born, commit.generation + 1)}
        job.generation = commit.generation
        self.live[key] = job

    def _over(self, commit: Commit, one: JobEnd) -> None:
        self.history.note("job-over", f"{commit.address} {one.uid}")
        job = self.live.pop((commit.address, one.uid), None)
        if self.streams is not None:
            self.streams.over(commit.address, one.uid)
        if job is None:
            self.broken(
                "job-end", f"{commit.address}: the end of the job {one.uid} was committed, and it does not live"
            )
        elif from_json(job.ended or b"null") != from_json(one.outcome):
            self.broken("job-end", f"{commit.address}: {one.uid} ended as {one.outcome!r}, its journal: {job.ended!r}")

    def was(self, address: Address, uid: str) -> bool:
        """There was a job of this id, and it has ended: what comes of its end again has nothing to do."""
        return (address, uid) in self.started and (address, uid) not in self.live

    def over(self, address: Address, done: JobDone) -> None:
        """`on_job` runs; it may run again."""
        self.history.note("on-job", f"{address} {done.id}")
        code = None if done.error is None else done.error.code
        if code is not None and code not in EXPECTED and not (self.changed and code in OTHER_CODE):
            self.broken("job-error", f"{address}: {done.id} ended in {code}: {done.error}")
        for name, token in _pairs(done.value):
            if self.recorded.get(name) != token:
                self.broken(
                    "job-value", f"{address}: {done.id} returns {token} of {name}, not {self.recorded.get(name)}"
                )

    # The journal -------------------------------------------------------------------------------------

    def appended(self, claim: Claim, position: int, data: bytes, generation: int) -> None:
        """The store says that a row is there."""
        me = f"{claim.address} job {claim.uid} row {position}"
        job = self.live.get((claim.address, claim.uid))
        if job is None:
            self.broken("job-life", f"{me}: written, and the job does not live")
            return
        if claim.generation != generation:
            self.broken("job-life", f"{me}: written for the life {claim.generation}, this is {generation}")
        if 0 < position <= len(job.rows) and job.rows[position - 1] == data:
            return  # its answer was lost
        if position != len(job.rows) + 1:
            self.broken("journal", f"{me}: there are {len(job.rows)}")
        if job.ended is not None:
            self.broken("journal", f"{me}: the one before was the last")
        self.history.note("row", f"{claim.address} {claim.uid} {position}")
        job.rows.append(data)
        for fact in read(position, data).facts:
            self._fact(job, fact, me)
            if self.telling is not None:
                self.telling.fact(claim.address, claim.uid, fact)

    def _fact(self, job: Toils, fact: Fact, me: str) -> None:
        what = "outcome" if fact.kind in OUTCOMES else fact.kind
        if what in ("outcome", "started", "fired"):
            if f"{what} {fact.id}" in job.known:
                self.broken("job-once", f"{me}: the {what} of {fact.id} is kept twice")
            job.known.add(f"{what} {fact.id}")
        if fact.kind == "value":
            for name, token in _pairs(from_json(fact.data)):
                self.recorded[name] = token
        elif fact.kind == "failed":
            if (said := _FATAL.search(fact.data.decode())) is not None:
                self.recorded[said[1]] = "failed"
        elif fact.kind == "ended":
            job.ended = fact.data

    def puzzled(self, jobs: Iterable[tuple[Address, str]]) -> None:
        """A host that is asked, or dies, had found that these do not fit its code."""
        for address, uid in jobs if not self.changed else ():
            self.broken("diverged", f"{address}: the job {uid} does not fit its code, and that has not changed")

    # At rest -----------------------------------------------------------------------------------------

    def judge(self, left: Iterable[tuple[Address, Job]], now: float) -> None:
        """Nothing is under way: no job is left, for each has its timeout."""
        for address, job in left:
            self.broken("job-overdue", f"{address}: {job.live.uid} is due {job.due}, now is {now}, owner {job.owner!r}")


_FATAL: Final = re.compile(r'"([^"/]+/[^"]+/[01]\.\d{4})"')
"""The name of a step, in its error."""


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return type(value) is list


def _pairs(value: Any) -> Iterable[tuple[str, str]]:
    """What steps returned, in what a job returned."""
    if _is_list(value):
        if len(value) == 2 and isinstance(value[0], str) and "/" in value[0]:
            yield value[0], str(value[1])
        else:
            for one in value:
                yield from _pairs(one)
