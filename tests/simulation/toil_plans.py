"""What jobs are told to do, drawn from the seed."""

from __future__ import annotations

from .app import Plan, Step
from .ops import Op
from .plans import Planner
from .telling import NAMES

STARTS = 0.25
"""Share of the steps of a plan that begin a job."""
QUITS = 0.03


class JobPlanner(Planner):
    """Draws plans some of whose steps begin jobs."""

    def step(self, depth: int) -> Step:
        x = self.rng.random()
        if depth < 2 and x < STARTS:
            return ["job", self.rng.choice([None, None, "one", "two"]), self.op(Op.JOB), self.toil()]
        return ["quit"] if x < STARTS + QUITS else super().step(depth)

    def toil(self, depth: int = 0) -> Plan:
        return [self.labour(depth) for _ in range(self.rng.randint(1, 3 if depth == 0 else 2))]

    def labour(self, depth: int) -> Step:
        """One step of a body; the second place of each is its name."""
        rng, op = self.rng, self.op(Op.TOILED)
        kind = rng.choices(_KINDS, _WEIGHTS)[0]
        match kind:
            case "dig":
                return ["dig", op, rng.choice(["", "", "", "flaky", "fatal"])]
            case "nap":
                return ["nap", op, round(rng.choice([0.3, 3.0, 15.0]) * rng.random(), 3)]
            case "tick":
                return ["tick", op, self.plan(2)]
            case "call":
                return ["call", self.op(Op.ASKED), self.key(), self.plan(2)]
            case "gather" | "group" | "first" if depth < 2:
                return [kind, op, *(self.toil(depth + 1) for _ in range(rng.randint(2, 3)))]
            case "limit" if depth < 2:
                return ["limit", op, round(rng.choice([0.5, 5.0]) * rng.random(), 3), self.toil(depth + 1)]
            case "fail" | "peek" | "risk":
                return [kind, op]
            case _:
                return ["dig", op, ""]


class ToldPlanner(JobPlanner):
    """Draws plans whose jobs wait for signals, and ask."""

    def labour(self, depth: int) -> Step:
        x = self.rng.random()
        if x < 0.2:
            return ["hear", self.op(Op.TOILED), self.rng.choice(NAMES)]
        if x < 0.35:
            return [
                "inquire",
                self.op(Op.TOILED),
                round(self.rng.choice([1.0, 8.0, 30.0]) * self.rng.random() + 0.1, 3),
            ]
        return super().labour(depth)


_LABOURS = {
    "dig": 8, "risk": 3, "nap": 4, "tick": 4, "call": 2, "peek": 1, "gather": 2.5, "group": 1, "first": 1.5,
    "limit": 1.5, "fail": 0.3,
}  # fmt: skip
_KINDS = tuple(_LABOURS)
_WEIGHTS = tuple(_LABOURS.values())
