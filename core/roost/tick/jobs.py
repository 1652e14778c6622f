"""What a job's end comes to in its agent, and the image of an agent that has jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from ..author.job import JobDone
from ..contract.commit import Commit, Entry, Snapshot
from ..contract.errors import NotFound, Rejected, Unreadable, from_problem
from ..contract.job import JobEnd, JobStart, Note
from .image import Image
from .job_effects import ended

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..contract.trigger import Call, JobOver
    from .tick import Tick


async def job_over(agent: Agent[Any, Any], tick: Tick, over: JobOver) -> None:
    """Tell the agent, and with the same commit the job is no more."""
    name, key = over.name, over.key
    if not name:
        tick.job_effects().end(tick, over)
        live = tick.image.jobs[over.uid]
        name, key = live.name, live.key
    if "on_job" in tick.kind.hooks:
        await agent.on_job(_done(name, key, over))


async def tell_job(agent: Agent[Any, Any], tick: Tick, call: Call) -> None:
    """A cancellation, a signal or an answer, told to a job. LimitExceeded `job_signals`: it is told again."""
    uid, kind, name, value, source, principal = call.args
    services = agent._roost  # pyright: ignore[reportPrivateUsage]
    assert tick.trigger.id is not None
    try:
        if kind in ("hold", "resume"):
            await services.hold_job(tick.address, uid, kind == "hold")
            return
        note = Note(tick.trigger.id, kind, name, to_json(value), tick.at, source, principal)
        await services.tell_job(tick.address, uid, note)
    except (NotFound, Rejected) as error:
        if kind in ("signal", "answer"):  # another's end is what was to come of it, or makes it no matter
            services.logger(tick).warning("a %s was not taken: %s", kind, error.message)


def given_up(commit: Commit, image: Image, over: JobOver) -> None:
    """`on_job` failed for the last time: the job is no more all the same. Its dead letter, redriven, runs it again."""
    live, (dead,) = image.jobs[over.uid], commit.dead
    args = to_json({"args": [live.uid, from_json(over.outcome), live.name, live.key], "kwargs": {}})
    commit.dead = (replace(dead, letter=replace(dead.letter, args=args)),)
    commit.jobs = (JobEnd(over.uid, over.outcome),)
    commit.seq = image.seq + 1
    commit.log = (Entry(commit.seq, "job-ended", ended(image, over), commit.at),)


def _done(name: str, key: str | None, over: JobOver) -> JobDone:
    try:
        found: Any = from_json(over.outcome)
        if "error" in found:
            return JobDone(over.uid, name, key, error=from_problem(found["error"]))
        value: Any = found["value"]
    except Exception as error:  # whatever stored bytes can raise
        why = Unreadable(f"what the job {name} came to can't be read: {type(error).__name__}")
        return JobDone(over.uid, name, key, error=why)
    return JobDone(over.uid, name, key, value, raw=to_json(value))


class JobImage(Image):
    """Of an agent that has jobs, or whose code has."""

    __slots__ = ("_rang",)

    def __init__(self, snapshot: Snapshot, rang: Callable[[], object]) -> None:
        """`rang`: whoever carries jobs out is told that there may be some."""
        super().__init__(snapshot)
        self._rang = rang

    def apply(self, commit: Commit) -> None:
        had = self.jobs
        super().apply(commit)
        if not commit.jobs:
            if had and not self.jobs:  # the agent was destroyed
                self._rang()
            return
        for change in commit.jobs:
            if isinstance(change, JobStart):
                self.jobs[change.live.uid] = change.live
            elif isinstance(change, JobEnd):
                self.jobs.pop(change.uid, None)
        self._rang()
