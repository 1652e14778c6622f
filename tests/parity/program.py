"""Random programs: acts of clients and operators on a few agents, one after the other, decided by a seed alone.

What two clients do at the same time has no order that a contract fixes, so each act is over, with all it brought
about, before the next begins. Only frames of one connection are sent without waiting: their order is promised. For
the same reason an act sends one chain of tells at most, and a schedule that is due soon is an act of its own.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Literal, TypeAlias

AGENTS: Final = 3
SOON: Final = 0.05
"""Seconds to the occurrences that an act waits for; all others are an hour or more ahead."""
What: TypeAlias = Literal[
    "call", "rpc", "tell", "open", "close", "burst", "message", "state", "sleep", "ring", "crash", "read", "move",
    "destroy", "redrive", "wrong", "work",
]  # fmt: skip
WEIGHTS: Final[dict[What, int]] = {
    "call": 22, "rpc": 14, "tell": 12, "open": 9, "close": 3, "burst": 5, "message": 8, "state": 2, "sleep": 7,
    "ring": 4, "work": 4, "read": 4, "move": 2, "destroy": 2, "redrive": 2, "wrong": 5,
}  # fmt: skip
"""Of all acts but crashes."""
TOGETHER: Final = 8
"""Seeds of a block: they are played at once, so their programs crash at the same places."""
CRASHES: Final = 0.04
"""Of all acts."""
SIZES: Final = (
    ("value", 131_070), ("value", 131_071), ("values", 80), ("values", 91), ("state", 30_000), ("state", 123_000),
    ("entry", 1_000), ("entry", 1_100_000), ("frame", 122_880), ("frame", 122_881), ("schedules", 20),
    ("schedules", 1_001), ("result", 60_000), ("result", 122_900),
)  # fmt: skip
"""Around the portable limits."""
KEYS: Final = ("k", "K", "k/2", "é", "\uffee", "\U0001f642", "z z")


@dataclass(frozen=True, slots=True)
class Act:
    """`agent`: whose. `label`: of which connection. `key`: idempotency key. `data`: what it says. `who`: the
    token it is sent with; "": the operator's."""

    what: What
    agent: int
    label: str = ""
    key: str | None = None
    data: Any = None
    who: str = ""


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._open: dict[str, int] = {}
        self._labels = 0
        self._jobs = 0
        self._sent: list[Act] = []
        """Acts with keys, to be repeated."""
        self._whats: list[What] = list(WEIGHTS)
        self._weights = list(WEIGHTS.values())

    def program(self, length: int, crashes: Set[int]) -> list[Act]:
        """`crashes`: at which acts the host dies."""
        acts: list[Act] = []
        while len(acts) < length:
            what: What = "crash" if len(acts) in crashes else self._random.choices(self._whats, self._weights)[0]
            act = self._act(what)
            if act is not None:
                acts.append(act)
        return acts

    def _act(self, what: What) -> Act | None:
        random, agent = self._random, self._random.randrange(AGENTS)
        match what:
            case "call" | "tell":
                return self._keyed(what, agent)
            case "open":
                self._labels += 1
                label = f"c{self._labels}"
                self._open[label] = agent
                return Act(what, agent, label)
            case "crash":
                self._open.clear()
                return Act(what, agent, data=self._before())
            case "sleep":
                return Act(what, agent, data=self._before())
            case "destroy":
                self._open = {label: at for label, at in self._open.items() if at != agent}
                return Act(what, agent)
            case "read":
                return Act(what, agent, data=random.choice(("state", "events", "letters", "seats", "status")))
            case "wrong":
                return Act(what, agent, data=random.randrange(9))
            case "ring":
                rung = [["add", "rung", 1], ["record", "rung", random.randrange(9)], ["put", "k", random.randrange(9)]]
                return Act(what, agent, data=[["later", "soon", SOON, rung[: random.randrange(1, 4)]]])
            case "work":
                self._jobs += 1
                return Act(what, agent, data=f"job{self._jobs}")
            case "redrive":
                return Act(what, agent)
            case "move":
                self._open = {label: at for label, at in self._open.items() if at != agent}
                return Act(what, agent)
            case _:
                return self._said(what)

    def _keyed(self, what: What, agent: int) -> Act:
        """A call or a tell; with a key at times, and that key at times again: for the same, or for something else."""
        random = self._random
        if self._sent and random.random() < 0.15:
            old = random.choice(self._sent)
            if random.random() < 0.7:
                return old
            if random.random() < 0.5:
                return replace(old, who="user:ann" if old.who != "user:ann" else "user:bob")
            return replace(old, data=self.program_of(old.agent))
        key = f"key{len(self._sent)}" if random.random() < 0.3 else None
        who = random.choice(("", "", "user:ann", "user:bob"))
        act = Act(what, agent, key=key, data=self.program_of(agent, transient=what == "call"), who=who)
        if key is not None:
            self._sent.append(act)
        return act

    def _before(self) -> Act | None:
        """What was answered just before a host dies or an agent is put to sleep: all of it still has to happen."""
        random, agent = self._random, self._random.randrange(AGENTS)
        match random.randrange(4):
            case 0:
                return None
            case 1:
                return Act("call", agent, data=[["later", "soon", SOON, [["add", "rung", 1]]]])
            case 2:
                return self._keyed("call", agent)
            case _:
                return self._keyed("tell", agent)

    def _said(self, what: What) -> Act | None:
        """What is said on a connection."""
        if not self._open:
            return None
        random = self._random
        label = random.choice(sorted(self._open))
        agent = self._open[label]
        match what:
            case "close":
                del self._open[label]
                return Act(what, agent, label)
            case "burst":
                return Act(what, agent, label, data=[self.steps(agent) for _ in range(random.randrange(2, 6))])
            case "message":
                if random.random() < 0.15:
                    return Act(what, agent, label, data="no program")
                steps = self.program_of(agent)
                return Act(what, agent, label, data=[["attach", random.randrange(9)], *steps])
            case "state":
                return Act(what, agent, label, data={"totals": {"mine": random.randrange(9)}, "early": []})
            case _:
                return Act(what, agent, label, data=self.program_of(agent))

    def program_of(self, agent: int, depth: int = 0, *, transient: bool = False) -> list[list[Any]]:
        """Steps, and at times one tell, whose program may tell again."""
        steps = self.steps(agent, depth, transient=transient)
        if depth < 3 and self._random.random() < 0.3:
            other = self._random.randrange(AGENTS)
            steps.insert(self._random.randrange(len(steps) + 1), ["tell", other, self.program_of(other, depth + 1)])
        return steps

    def steps(self, agent: int, depth: int = 0, *, transient: bool = False) -> list[list[Any]]:
        """Up to five steps. Asks go to agents of a higher number, so that none ask each other."""
        steps = [self._step(agent, depth) for _ in range(self._random.choice((1, 1, 2, 3, 5)))]
        if self._random.random() < 0.1:
            hows = ("rejected", "error", "transient") if transient and depth == 0 else ("rejected", "error")
            steps.append(["fail", self._random.choice(hows)])
        return steps

    def _step(self, agent: int, depth: int) -> list[Any]:
        random = self._random
        match random.randrange(16):
            case 0 | 1 | 2:
                return ["add", random.choice("xyz"), random.randrange(-2, 5)]
            case 3 | 4:
                return ["record", random.choice(("note", "n/2")), random.choice((None, 1, "é", {"deep": [1.5, True]}))]
            case 5 | 6:
                value = random.choice((0, "text", [1, {"a": None}], "x" * 3000, 1.25, True))
                return ["put", random.choice(KEYS), value]
            case 7:
                return ["delete", random.choice(KEYS)]
            case 8:
                return ["get", random.choice(KEYS)]
            case 9:
                return ["scan", random.choice(("", "k", "\uffee"))]
            case 10:
                return ["broadcast", random.choice(("text", 7, {"b": [1, "é"]}))]
            case 11 | 12 if depth < 2 and agent + 1 < AGENTS:
                other = random.randrange(agent + 1, AGENTS)
                return ["ask", other, self.steps(other, depth + 1)]
            case 13:
                kind = random.choice(("later", "every"))
                return [kind, random.choice("pq"), random.choice((3600, 86400, 100000.5)), [["add", "far", 1]]]
            case 14:
                return random.choice((["events", random.randrange(4)], ["seats"], ["drop", random.choice("pq")]))
            case 15 if random.random() < 0.4:
                return random.choice((["forget"], ["size", *random.choice(SIZES)]))
            case _:
                return ["add", "w", 1]


def program(seed: int, length: int, *, crashes: bool = True) -> list[Act]:
    """The program of a seed."""
    dice = Random(f"block {block(seed)}")
    deaths = {at for at in range(length) if dice.random() < CRASHES}
    return Writer(seed).program(length, deaths if crashes else frozenset())


def block(seed: int) -> int:
    """Which block a seed is of."""
    return seed // TOGETHER
