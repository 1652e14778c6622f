# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of jobs: their journal, their bodies, their starts and ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import md5
from itertools import count
from typing import Any, Final

import pytest

from roost.contract.commit import Commit
from roost.contract.errors import RoostError
from roost.contract.journal import Fact, JournalRow, write
from roost.contract.trigger import JobOver
from roost.engine import due, turn
from roost.engine.jobs import acting, carrying
from roost.engine.jobs.body import Body
from roost.engine.jobs.carrying import Carrying
from roost.engine.jobs.execution import Execution
from roost.engine.jobs.hold import Hold
from roost.engine.jobs.leaving import Leaving
from roost.engine.jobs.loop import BodyLoop
from roost.engine.jobs.ordered import PendingCall
from roost.hosting.memory import rows
from roost.hosting.memory.jobs import Jobs
from roost.hosting.memory.journal import MemoryJournal
from roost.tick.job_effects import JobEffects
from roost.tick.jobs import JobImage

from .mutation import Mutation


def _moves_without_rows(m: pytest.MonkeyPatch) -> None:
    whole = Jobs._moved
    m.setattr(Jobs, "_moved", lambda self, change, at: whole(self, replace(change, lines=()), at))


def _unseen_jobs(m: pytest.MonkeyPatch) -> None:
    whole = rows.Rows.check
    m.setattr(rows.Rows, "check", lambda self, commit: whole(self, replace(commit, jobs_seen=None)))
    m.setattr(Leaving, "_hold", _none)


async def _none(self: Leaving) -> None: ...


def _forgets_outcomes(m: pytest.MonkeyPatch) -> None:
    """Replayed, a body does not hear the last outcome of its journal."""
    whole = Execution.open

    def opens(self: Execution, rows: Sequence[JournalRow], now: float) -> None:
        if rows and any(fact.kind == "value" for fact in rows[-1].facts):
            last = replace(rows[-1], facts=tuple(x for x in rows[-1].facts if x.kind != "value"))
            rows = [*rows[:-1], last]
        whole(self, rows, now)

    m.setattr(Execution, "open", opens)


def _hears_early(m: pytest.MonkeyPatch) -> None:
    """A body hears of an outcome before its row is written."""
    whole = Execution.finished

    def finished(self: Execution, call: PendingCall, kind: Any, data: bytes, now: float) -> None:
        whole(self, call, kind, data, now)
        if self._gathered and not call.done():
            self.body.deliver(self._gathered[-1])

    m.setattr(Execution, "finished", finished)
    m.setattr(Body, "_outcome", _again_or(Body._outcome))


def _again_or(whole: Any) -> Any:
    """What was heard already is not heard again."""

    def outcome(self: Body, fact: Fact) -> None:
        if fact.id in self.loop.wanted or fact.id in self.loop.passed:
            whole(self, fact)

    return outcome


def _begins_again(m: pytest.MonkeyPatch) -> None:
    """What had begun, and may run once, is begun again after its host died."""
    whole = Execution._recorded

    def recorded(self: Execution, fact: Fact) -> None:
        if fact.kind != "started":
            whole(self, fact)

    m.setattr(Execution, "_recorded", recorded)


def _begins_unsaid(m: pytest.MonkeyPatch) -> None:
    """What may run once begins before the journal says so."""
    whole = Execution._look

    def look(self: Execution, now: float) -> None:
        for call in self.body._asked:
            call.once = False
        whole(self, now)

    m.setattr(Execution, "_look", look)


def _end_untold(m: pytest.MonkeyPatch) -> None:
    """Whoever finds that a job has ended does not tell its agent: the host died that would have."""
    whole = Carrying._live

    async def live(self: Carrying) -> None:
        if self.job.ended is not None:
            await self._let_go(None, self.job.live.deadline + 1e6)
        else:
            await whole(self)

    m.setattr(Carrying, "_live", live)


def _anew(m: pytest.MonkeyPatch) -> None:
    """A tick of a job that is asked for again is another tick."""
    whole, tries = acting.act, count()

    def act(runtime: Any, address: Any, id: str, *rest: Any) -> Any:
        return whole(runtime, address, f"{id}/{next(tries)}", *rest)

    m.setattr("roost.engine.jobs.doing.act", act)


def _of_past_lives(m: pytest.MonkeyPatch) -> None:
    """A tick of a job runs whether the job lives or not."""
    whole = due._job_missing

    def missing(image: Any, trigger: Any) -> Any:
        return whole(image, trigger) if isinstance(trigger.payload, JobOver) else None

    m.setattr(due, "_job_missing", missing)


def _survivors(m: pytest.MonkeyPatch) -> None:
    """Jobs are there still when their agent is destroyed."""
    whole = rows.Rows.apply

    def apply(self: rows.Rows, commit: Commit, log_limit: int) -> None:
        jobs = self.jobs
        whole(self, commit, log_limit)
        if commit.destroy:
            self.jobs = jobs

    m.setattr(rows.Rows, "apply", apply)


def _never_due(m: pytest.MonkeyPatch) -> None:
    """A job that sleeps is let go without a time."""

    async def suspend(self: Carrying, one: Execution) -> bool:
        return await self._let_go(self.bell, None)

    m.setattr(Carrying, "_suspend", suspend)


def _untimed(m: pytest.MonkeyPatch) -> None:
    """The store does not say when jobs are due."""
    m.setattr(Jobs, "times", lambda self: [])


def _seeded_by_host(m: pytest.MonkeyPatch) -> None:
    """What a body draws is another each time that it is replayed."""
    seeds = count()
    m.setattr("roost.author.run.blake2b", lambda data, digest_size: md5(b"%d" % next(seeds)))


def _by_the_clock(m: pytest.MonkeyPatch) -> None:
    """Timers of a body fire by themselves, and no row says so."""
    whole = Execution.tick

    def tick(self: Execution, now: float) -> None:
        for id in self.body.due(now):
            if id not in self._firing and self.state in ("running", "suspended"):
                self.body.deliver(Fact("fired", now, id))
        self._look(now)
        whole(self, now)

    m.setattr(Execution, "tick", tick)


def _two_of_a_key(m: pytest.MonkeyPatch) -> None:
    """A key that lives is started again."""
    whole = JobEffects.start

    def start(self: JobEffects, tick: Any, job: Any, key: str | None, *rest: Any) -> Any:
        live, tick.image.jobs = tick.image.jobs, {}
        try:
            return whole(self, tick, job, key, *rest)
        finally:
            tick.image.jobs = live

    m.setattr(JobEffects, "start", start)


def _kept_starts(m: pytest.MonkeyPatch) -> None:
    """A run that failed has begun its jobs all the same."""
    whole = turn._spoiled

    def spoiled(one: Any, error: Any) -> turn.Ended:
        starts = tuple(one.tick.job_effects().starts)
        ended = whole(one, error)
        if ended.commit is not None:
            ended.commit.jobs = (*ended.commit.jobs, *starts)
        return ended

    m.setattr(turn, "_spoiled", spoiled)


def _unknown_starts(m: pytest.MonkeyPatch) -> None:
    """Who began a job does not look at it."""
    whole = JobImage.apply

    def apply(self: JobImage, commit: Commit) -> None:
        rang, self._rang = self._rang, lambda: None
        whole(self, commit)
        self._rang = rang

    m.setattr(JobImage, "apply", apply)


def _stuck_end(m: pytest.MonkeyPatch) -> None:
    """A job whose `on_job` failed for the last time lives on."""
    m.setattr("roost.tick.jobs.given_up", lambda commit, image, over: None)


def _other_outcome(m: pytest.MonkeyPatch) -> None:
    """What an agent is told of an end is not what the journal keeps."""
    whole = Carrying._over

    async def over(self: Carrying, outcome: bytes) -> None:
        await whole(self, b'{"value":null}' if b'"value"' in outcome else outcome)

    m.setattr(Carrying, "_over", over)


def _overwrites(m: pytest.MonkeyPatch) -> None:
    """Whoever reads a journal reads all but its last row, and writes that one anew."""
    whole = MemoryJournal.append

    async def append(self: MemoryJournal, claim: Any, position: int, data: bytes, **more: Any) -> bool:
        self._of(claim).lines.pop(position, None)
        return await whole(self, claim, position, data, **more)

    read = Carrying._read

    async def reads(self: Carrying) -> None:
        await read(self)
        del self.rows[-1:]

    m.setattr(MemoryJournal, "append", append)
    m.setattr(Carrying, "_read", reads)


def _retried_row(m: pytest.MonkeyPatch) -> None:
    """A row whose answer was lost is taken for not written, and written behind itself."""
    insist = Hold._insist

    async def once(self: Hold, write: Any) -> Any:
        if isinstance(write, partial) and write.func.__name__ == "append":
            try:
                return await write()
            except RoostError:
                claim, position, *rest = write.args
                write = partial(write.func, claim, position + 1, *rest, **write.keywords)
        return await insist(self, write)

    m.setattr(Hold, "_insist", once)


def _branches_by_time(m: pytest.MonkeyPatch) -> None:
    """Calls of a body are numbered through, whatever branch they are of."""
    numbers = count()
    m.setattr(BodyLoop, "branch", lambda self: f"0.{next(numbers)}")


def _half_a_row(m: pytest.MonkeyPatch) -> None:
    """Of the facts of a row only the first is kept."""
    m.setattr(carrying, "write", lambda facts: write(facts[:1]))


JOBS: Final = (
    Mutation("a body does not hear the last outcome of its journal", _forgets_outcomes, jobs=True),
    Mutation("a body hears of an outcome before its row is written", _hears_early, jobs=True),
    Mutation("a step that runs once at most is begun again", _begins_again, jobs=True),
    Mutation("a step that runs once at most begins before a row says so", _begins_unsaid, jobs=True),
    Mutation("an end whose host died is not told", _end_untold, jobs=True),
    Mutation("a tick of a job that is asked for again is another", _anew, jobs=True),
    Mutation("a tick of a job runs in the next life of its agent", _of_past_lives, first=2449, jobs=True),
    Mutation("jobs survive the destruction of their agent", _survivors, jobs=True),
    Mutation("a job that sleeps is let go without a time", _never_due, jobs=True),
    Mutation("the store does not say when jobs are due", _untimed, jobs=True),
    Mutation("what a body draws is another each time", _seeded_by_host, jobs=True),
    Mutation("timers of a body fire without a row", _by_the_clock, jobs=True),
    Mutation("a key that lives is started again", _two_of_a_key, jobs=True),
    Mutation("a failed run begins its jobs all the same", _kept_starts, jobs=True),
    Mutation("who began a job does not look at it", _unknown_starts, jobs=True),
    Mutation("a job whose on_job failed for the last time lives on", _stuck_end, jobs=True),
    Mutation("an agent is told of another end than the journal keeps", _other_outcome, jobs=True),
    Mutation("a journal's last row is written anew", _overwrites, jobs=True),
    Mutation("a row whose answer was lost is written again behind itself", _retried_row, jobs=True),
    Mutation("calls of a body are numbered through all branches", _branches_by_time, jobs=True),
    Mutation("an import begins the journals of its jobs anew", _moves_without_rows, jobs=True),
    Mutation("an export holds no job, and its destruction does not look at them", _unseen_jobs, jobs=True),
    Mutation("of the facts of a row only the first is kept", _half_a_row, jobs=True),
)
