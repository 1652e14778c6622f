"""The case's side of a `worker` agent: starts jobs, and waits for their ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from roost_client import Client

from ..case import Drive, case
from ..stage import Stage
from .barrier import Barrier
from .committed import committed
from .refusal import refusal
from .witness import Witness

TAKEN_OVER: Final = 75.0
"""Seconds within which a job goes on whose host died: a claim's 30, and what a queue adds to them."""


class Jobs:
    """Of one fresh agent. `ledger` is where its steps write, `gate` where they stand."""

    def __init__(self, stage: Stage, client: Client) -> None:
        self._stage = stage
        self.client = client
        self.agent = client.agent("worker", stage.key())
        self.ledger = Witness(stage, client)
        self.gate = Barrier(stage, client)

    async def begin(self, name: str, *args: Any, key: str | None = None) -> str:
        """The id of the job."""
        id: str = await self.agent.call("begin", name, list(args), key)
        return id

    async def chain(self, name: str, *more: Any) -> str:
        """One that is given the ledger and the gate."""
        return await self.begin(name, self.ledger.key, self.gate.key, *more)

    async def ended(self, id: str, within: float | None = None) -> dict[str, Any]:
        """What `on_job` got, once it did: `value`, or `error` (a code)."""

        async def probe() -> dict[str, Any] | None:
            state = await committed(self.agent)
            ends: list[dict[str, Any]] = [] if state is None else state["ended"]
            return next((done for done in ends if done["id"] == id), None)

        found: dict[str, Any] = await self._stage.until(probe, within=within)
        return found

    async def value(self, id: str, within: float | None = None) -> Any:
        """What it returned."""
        done = await self.ended(id, within)
        assert done["error"] is None, done
        return done["value"]

    async def crashed(self) -> None:
        """The host dies while a step stands at the gate, and the step is begun again after it: then the gate opens."""
        await self.gate.arrived(1)
        await self._stage.crash()
        await self.again()

    async def again(self) -> None:
        await self.gate.arrived(2, TAKEN_OVER)
        await self.gate.open()


def job_case(rule: str, title: str, *, together: bool = False, alone: bool = False) -> Callable[[Drive], Drive]:
    """A `case` of jobs. Where they do not run, that a start is refused by name is the case."""

    def register(drive: Drive) -> Drive:
        @wraps(drive)
        async def either(stage: Stage) -> None:
            if not await _refused(stage):
                await drive(stage)

        return case(rule, title, alone=alone, together="jobs" if together else "")(either)

    return register


async def _refused(stage: Stage) -> bool:
    """True where jobs do not run: there a start is refused by name."""
    if stage.capabilities.jobs:
        return False
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        error = await refusal(jobs.begin("nap", 1.0), "no-jobs")
        assert error.status == 501, repr(error)
    return True
