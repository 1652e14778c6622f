"""What an executor does for the questions of a job: opens them, closes them, hears what was told.

Whether a question was answered or is over is decided where it is kept, by one conditional write.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from ...author.asking import QuestionWork, ResultWork, question_id
from ...contract.errors import LimitExceeded, from_problem
from ...contract.job import Job, Question, holds
from ...contract.job_refusals import no_job
from .body import failure
from .hold import Hold
from .waits import note_of

if TYPE_CHECKING:
    from ...contract.journal import JournalRow
    from .execution import Execution
    from .ordered import PendingCall


OFTEN: Final = 0.5
RARELY: Final = 600.0
"""Seconds between two looks at a job whose end another one waits for, at least and at most."""


class Asking(Hold):
    """A hold on a job that may ask."""

    held = False
    """An operator holds the job: no timer of it fires."""
    draining = False
    _known: dict[str, Question] | None = None
    """Questions of this run that were asked before it was replayed here; None = they were not read."""
    _took: set[str] | None = None
    """Ids of signals that the body has taken, and the store need not show any more. None: a held job heard nothing."""

    @staticmethod
    def rests(job: Job) -> float:
        """When a held job is looked at, if nobody lets it go on before."""
        return job.live.deadline if job.held else job.held_until

    def question_id(self, call: str) -> str:
        """Of a call's question: no other question of the agent ever has it."""
        return question_id(self.uid, self.job.run, call)

    async def hear(self, execution: Execution) -> None:
        """What was told to the job."""
        job, now = await self._as_it_is(), self.host.now()
        self.bell = job.bell
        self.held = holds(job, now)
        if self.held:
            self.job = job
            self.draining = True
            return
        if self._known is None:
            self._known = {}
            if execution.body.questions:
                await self._recall(execution)
            self._took = {*execution.body.taken}
        calls = {self.question_id(id): call for id, call in execution.body.loop.wanted.items()}
        done: list[str] = []
        for note in await self.journal.notes(self.address, self.uid):
            if note.kind == "cancel":
                execution.cancel(now, note.id)
            elif note.kind == "signal":
                if note.id in execution.body.taken:
                    done.append(note.id)
                elif note.id not in execution.notes:
                    execution.waits.told(note)
            elif note.id not in execution.notes and (call := calls.get(note.name)) is not None:
                execution.over(call, note, now)
            elif note.id not in execution.notes or note.id in execution.heard:
                done.append(note.id)
        execution.take(now)
        await self._forget(done)

    async def _recall(self, execution: Execution) -> None:
        """The questions of this run as they are kept; what the body took back meanwhile is closed."""
        wanted = {self.question_id(id) for id in execution.body.loop.wanted}
        found = await self.journal.questions(self.address, self.uid)
        self._known = {question.id: question for question in found}
        for question in found:
            if question.closed is None and question.id not in wanted:
                await self._insist(partial(self.journal.expire, self.claim, question.id, self.host.now()))

    async def ask(self, execution: Execution, call: PendingCall) -> None:
        """Open the question of a call, unless it is open, or was closed already."""
        work, now = call.work, self.host.now()
        assert isinstance(work, QuestionWork)
        end = self.job.live.deadline
        expires = end if work.timeout is None else min(end, now + work.timeout)
        question = Question(self.question_id(call.id), self.job.live.name, work.data, now, expires)
        known = (self._known or {}).get(question.id)
        if known is None:
            try:
                await self._insist(partial(self.journal.ask, self.claim, question))
            except LimitExceeded as error:
                execution.settled(call, "failed", failure(error), now)
                return
            known = question
        if known.closed is None:
            execution.waits.expires[call.id] = known.expires
        else:
            execution.over(call, known.answer, now)

    async def close(self, call: str) -> None:
        """The body took a question back: nobody need answer it any more."""
        await self._insist(partial(self.journal.expire, self.claim, self.question_id(call), self.host.now()))

    async def expire(self, execution: Execution, now: float) -> None:
        """Questions whose time is over."""
        for id, expires in [*execution.waits.expires.items()]:
            call = execution.body.loop.wanted.get(id)
            if expires <= now and call is not None:
                found = await self._insist(partial(self.journal.expire, self.claim, self.question_id(id), now))
                execution.over(call, found.answer, now)

    async def poll(self, execution: Execution, now: float) -> None:
        """Look at the jobs whose end is waited for: the older one is, the less often."""
        for id, next in [*execution.waits.polls.items()]:
            call = execution.body.loop.wanted.get(id)
            if next > now or call is None:
                continue
            work = call.work
            assert isinstance(work, ResultWork)
            found = await self.journal.job(self.address, work.uid)
            if isinstance(found, Job):
                execution.waits.polls[id] = now + min(RARELY, max(OFTEN, (now - found.live.started) / 4))
                continue
            del execution.waits.polls[id]
            if found is None:
                execution.settled(call, "failed", failure(no_job(self.address, work.uid)), now)
                continue
            doc: dict[str, Any] = from_json(found.outcome)
            if "error" in doc:
                execution.settled(call, "failed", failure(from_problem(doc["error"])), now)
            else:
                execution.settled(call, "value", to_json(doc["value"]), now)

    async def took(self, execution: Execution, row: JournalRow) -> None:
        """Notes that the body heard of with this row: the store shows them no more."""
        told = [note for fact in row.facts if (note := note_of(fact)) in execution.heard and note != "deadline"]
        known = self._took or set[str]()
        got = [id for id in execution.body.taken if id not in known]
        self._took = known | {*got}
        await self._forget([*told, *got])

    async def _forget(self, ids: list[str]) -> None:
        if ids:
            await self._insist(partial(self.journal.taken, self.claim, ids))
