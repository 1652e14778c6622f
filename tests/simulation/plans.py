"""What agents are told to do, drawn from the seed."""

from __future__ import annotations

from random import Random

from .app import Plan, Step
from .ops import Op

TIMES = ("s1", "s2", "s3", "e1", "e2")
"""Keys of schedules; those of `e` recur."""


class Planner:
    """Draws plans, and names every effect in them."""

    def __init__(self, rng: Random, keys: tuple[str, ...], first: int = 0) -> None:
        self.rng = rng
        self.keys = keys
        self._count = first
        self.told: list[str] = []
        """Ops of tells that agents may send."""

    def op(self, kind: Op) -> str:
        """A fresh name; its first letter says what brings it about."""
        self._count += 1
        return f"{kind}{self._count}"

    def key(self) -> str:
        return self.rng.choice(self.keys)

    def plan(self, depth: int = 0) -> Plan:
        most = 3 if depth == 0 else 2 if depth < 3 else 0
        return [self.step(depth) for _ in range(self.rng.randint(0, most))]

    def step(self, depth: int) -> Step:
        """One step; deeper plans are shorter."""
        rng = self.rng
        match rng.choices(_KINDS, _WEIGHTS)[0]:
            case "tell":
                return ["tell", self.key(), self.op(Op.TOLD), self.plan(depth + 1)]
            case "spread":
                return ["spread", self.key(), self.op(Op.FAILING), rng.choice(["rejected", "transient", "defect"])]
            case "ask":
                return ["ask", self.key(), self.op(Op.ASKED), self.plan(depth + 1)]
            case "schedule":
                delay = round(rng.choice([0.0, 0.5, 3.0, 20.0]) * rng.random(), 3)
                return ["schedule", rng.choice(TIMES[:3]), delay, self.op(Op.ONCE), self.plan(depth + 1)]
            case "at":
                return ["at", rng.choice(TIMES[:3]), round(rng.random() * 8, 3), self.op(Op.ONCE), []]
            case "every":
                return ["every", rng.choice(TIMES[3:]), round(0.7 + rng.random() * 9, 3), self.op(Op.RECURRING)]
            case "cron":
                return ["cron", rng.choice(TIMES[3:]), "* * * * *", self.op(Op.RECURRING)]
            case "unschedule":
                return ["unschedule", rng.choice(TIMES)]
            case "sleep":
                return ["sleep", round(rng.choice([0.0, 0.1, 2.0, 7.0 if depth else 40.0]) * rng.random(), 3)]
            case "flaky":
                return ["flaky", 0.5]
            case plain:
                return [plain]


_STEPS = {
    "tell": 12, "spread": 3, "ask": 6, "schedule": 8, "at": 2, "every": 2, "cron": 1, "unschedule": 3, "sleep": 5,
    "flaky": 2, "mark": 4, "seat": 3, "hangup": 0.7, "emit": 2, "fetch": 0.4,
}  # fmt: skip
_KINDS = tuple(_STEPS)
_WEIGHTS = tuple(_STEPS.values())
