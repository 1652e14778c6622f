"""Faults at the ports: what fails, how, and how often, all decided by a seed.

A port call can fail before it did anything, fail after it did everything (the answer is lost), take long, or
be where the host dies. `once` breaks one call; the rates break any. Every agent must stand all of them: that
is the contract of docs/contract.md, rules 1 to 16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, TypeAlias, TypeVar

from ..contract.errors import TransientError, Unknown

T = TypeVar("T")
Fault: TypeAlias = Literal["fail", "lose", "delay", "crash-before", "crash-after"]
FAULTS: Final[tuple[Fault, ...]] = ("fail", "lose", "delay", "crash-before", "crash-after")
READS: Final = frozenset(
    {"store.load", "store.get", "store.scan", "store.outcome", "store.parked", "store.log", "store.dead", "store.list"}
    | {"journal.rows", "journal.notes", "journal.job", "journal.jobs", "journal.ended", "journal.questions"}
    | {"journal.due"}
)
"""Calls that change nothing: losing their answer is failing."""
WRITES: Final = frozenset({"store.commit", "store.park", "store.settle", "store.arm", "store.redrive", "store.purge"})


@dataclass(slots=True)
class Faults:
    """Shares of port calls, 0 to 1, that meet each fault.

    `fail`: refused, nothing happened. `lose`: it happened, the answer is lost. `delay`: takes up to `longest`
    seconds; let them pass while the call is awaited. `crash`: the host dies there, half of the times before, half
    after. `calls`: only calls whose name (`store.commit`, `courier.deliver`, `wire.send`, `alarms.arm`...) starts
    with one of these; () = all.
    """

    fail: float = 0.0
    lose: float = 0.0
    delay: float = 0.0
    crash: float = 0.0
    longest: float = 3.0
    calls: tuple[str, ...] = ()
    seed: int = 0
    counts: Counter[tuple[str, Fault]] = field(default_factory=Counter[tuple[str, Fault]])
    """(call, fault) -> how often it struck."""
    watch: Callable[[str, Fault], None] | None = None
    """Told of each fault that strikes: (call, fault)."""
    on: bool = True
    """False: nothing strikes any more, `once` included."""
    _next: dict[str, list[Fault | None]] = field(default_factory=dict[str, "list[Fault | None]"])
    _random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        for name in ("fail", "lose", "delay", "crash"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ValueError(f"Faults({name}={share!r}): a share of calls is from 0 to 1")
        if self.fail + self.lose + self.delay + self.crash > 1:
            raise ValueError("Faults: the shares add up to more than 1")
        self._random.seed(self.seed)

    def once(self, call: str, fault: Fault, *, after: int = 0) -> None:
        """Break the next `call` in this way, whatever the rates; several for one call strike one after the other.

        `after`: so many calls go well before.
        """
        if fault not in FAULTS:
            raise ValueError(f"{fault!r} is not a fault; there are: {', '.join(FAULTS)}")
        self._next.setdefault(call, []).extend([*[None] * after, fault])

    def draw(self, call: str) -> Fault | None:
        """What strikes this call."""
        if not self.on:
            return None
        fault: Fault | None = None
        if self._next and (waiting := self._next.get(call)):
            fault = waiting.pop(0)
        elif not self.calls or call.startswith(self.calls):
            fault = self._pick()
        if fault == "lose" and call in READS:
            fault = "fail"
        if fault is not None:
            self.strike(call, fault)
        return fault

    def strike(self, call: str, fault: Fault) -> None:
        """Count a fault."""
        self.counts[call, fault] += 1
        if self.watch is not None:
            self.watch(call, fault)

    def flip(self, share: float) -> bool:
        """True in this share of cases."""
        return self._random.random() < share

    def _pick(self) -> Fault | None:
        x = self._random.random()
        if x < self.fail:
            return "fail"
        x -= self.fail
        if x < self.lose:
            return "lose"
        x -= self.lose
        if x < self.delay:
            return "delay"
        x -= self.delay
        if x < self.crash:
            return "crash-before" if x < self.crash / 2 else "crash-after"
        return None

    def pause(self) -> float:
        """Seconds of one delay: mostly short."""
        return float(self.longest * self._random.random() ** 3)

    def error(self, call: str, happened: bool) -> TransientError:
        """What the caller of a broken call is told. The answer to a commit or to a write of a job is lost either way,
        now and then."""
        told = call == "store.commit" or (call.startswith("journal.") and call not in READS)
        if told and (happened or self._random.random() < 0.5):
            return Unknown(f"injected: the answer of {call} was lost", code="unknown", retry_after=0.5)
        return TransientError(f"injected: {call} failed", code="injected", retry_after=0.5)


@dataclass(frozen=True, slots=True)
class Strike:
    """Carries faults out on one host's calls."""

    faults: Faults
    sleep: Callable[[float], Awaitable[None]]
    crash: Callable[[], None]
    """Kills the host that makes this call; the call itself goes on to `dead`."""
    dead: Callable[[], Awaitable[None]]
    """Ends the call if its host is dead: raises, or returns at once if it lives."""

    async def on(self, name: str, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        """`call(*args)` with whatever strikes it."""
        await self.dead()
        fault = self.faults.draw(name)
        if fault is None:
            answer = await call(*args)
            await self.dead()
            return answer
        if fault == "fail":
            raise self.faults.error(name, False)
        if fault == "crash-before":
            self.crash()
            await self.dead()
        late = fault == "delay" and name in WRITES  # writes of one host reach its store in the order of the calls
        if fault == "delay" and not late:
            await self.sleep(self.faults.pause())
            await self.dead()
        answer = await call(*args)
        if fault == "crash-after":
            self.crash()
        await self.dead()
        if fault == "lose":
            raise self.faults.error(name, True)
        if late:
            await self.sleep(self.faults.pause())
            await self.dead()
        return answer
