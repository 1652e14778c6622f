"""What jobs say of themselves while they run, and the rules of it (docs/jobs.md)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

from roost import Run
from roost.contract.address import Address

if TYPE_CHECKING:
    from roost import JobDone

    from .job_model import JobModel
    from .job_streams import Streams
    from .telling import Telling

_BORN: Final = re.compile(r"g(\d+)$")


class Labours:
    """Of one run of the simulation."""

    def __init__(self, model: JobModel, rng: Random) -> None:
        self.model = model
        self.rng = rng
        self.runs: Counter[str] = Counter()
        self.streams: Streams | None = None
        """Set where what steps do is streamed."""
        self.telling: Telling | None = None
        """Set where jobs are told something."""
        self.kills = rng.choice([0.0, 0.0, 0.03, 0.1])
        """Share of the rows with which their host dies."""

    @property
    def told(self) -> Telling:
        assert self.telling is not None
        return self.telling

    def begun(self, name: str, *, once: bool = False) -> str:
        """A step begins; a token for what it returns."""
        model = self.model
        model.history.note("step", name)
        self.runs[name] += 1
        if once and self.runs[name] > 1:
            model.broken("at-most-once", f"the step {name} began twice")
        if name in model.recorded and not model.shared:
            model.broken("step-again", f"the step {name} begins, and its outcome is in the journal")
        return f"{self.rng.getrandbits(48):012x}"

    def say(self, name: str, token: str, part: int) -> None:
        """A step says how far it is."""
        if self.streams is not None:
            Run.current().emit([name, token, part])

    async def pause(self) -> None:
        await asyncio.sleep(self.rng.choice([0.0, 0.1, 1.0, 6.0]) * self.rng.random())

    def heard(self, name: str, token: str) -> None:
        """A body hears what a step returned, for the first time or replayed."""
        stored = self.model.recorded.get(name)
        if stored != token:
            self.model.broken("job-gate", f"a body hears {token} of {name}, stored is {stored}")

    def shown(self, token: str) -> None:
        """A body hears of a tick."""
        if token not in self.model.tokens:
            self.model.broken("gate", f"a body was shown the run {token}, which is not durable")

    def ticks(self, key: str, op: str, generation: int) -> None:
        born = _BORN.search(op)
        if born is None:
            self.model.broken("job-life", f"{key}: {op} is of no job")
        elif int(born[1]) != generation and (key, int(born[1]), generation) not in self.model.adopted:
            self.model.broken("job-life", f"{key}: {op} runs in the life {generation}")

    def ended(self, key: str, done: JobDone) -> None:
        self.model.over(Address("actor", key), done)


_now: list[Labours] = []


def labours() -> Labours:
    """Of the run that goes on."""
    return _now[-1]


def labour(by: Labours) -> None:
    """`by` is told from now on: one simulation a process at a time."""
    _now[:] = [by]
