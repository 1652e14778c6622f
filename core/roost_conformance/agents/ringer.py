"""Schedules of every kind; each ring is recorded in the event log with the time of its tick."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from roost import Agent, Cron, Every, Rejected, Retry, action

from .gate import wait_at
from .ledger import write_down


class Bells(BaseModel):
    rings: list[str] = []


class Ringer(Agent[Bells]):
    async def ring(self, text: str = "ring") -> None:
        self.state.rings.append(text)
        self.record("ring", {"text": text, "now": self.now.timestamp()})

    @action
    async def once(self, key: str, seconds: float, text: str = "ring") -> float:
        """When that was, epoch seconds."""
        self.schedule(key, timedelta(seconds=seconds), self.ring, text)
        return self.now.timestamp()

    @action
    async def at(self, key: str, when: datetime, text: str = "ring") -> None:
        self.schedule(key, when, self.ring, text)

    @action
    async def at_and_at(self, key: str, when: datetime, times: int) -> None:
        """A ring that sets itself again to the same instant, until it rang `times` times."""
        self.schedule(key, when, self.ring_at, key, when.isoformat(), times - 1)

    async def ring_at(self, key: str, when: str, left: int) -> None:
        self.state.rings.append(f"left {left}")
        if left:
            self.schedule(key, datetime.fromisoformat(when), self.ring_at, key, when, left - 1)

    @action
    async def every(self, key: str, seconds: float, text: str = "ring") -> None:
        self.schedule(key, Every(seconds), self.ring, text)

    @action
    async def cron(self, key: str, expression: str, tz: str = "UTC") -> None:
        self.schedule(key, Cron(expression, tz=tz), self.ring)

    @action
    async def cron_named(self, key: str, expression: str, tz: str) -> None:
        """A zone that callers name is refused as theirs."""
        try:
            self.schedule(key, Cron(expression, tz=tz), self.ring)
        except ValueError as error:
            raise Rejected(str(error), code="bad-zone") from None

    @action
    async def drop(self, key: str) -> list[bool]:
        """What unschedule says, twice."""
        return [self.unschedule(key), self.unschedule(key)]

    @action
    async def set_and_drop(self, key: str) -> bool:
        """A schedule that never leaves its tick."""
        self.schedule(key, 0.05, self.ring, "never")
        return self.unschedule(key)

    @action
    async def hold(self, gate: str) -> None:
        """Busy until the gate opens."""
        await wait_at(self, gate)

    @action
    async def every_and_hold(self, key: str, seconds: float, gate: str) -> float:
        """Busy from the setting of the schedule until the gate opens: it is late before it is committed."""
        self.schedule(key, Every(seconds), self.ring)
        await wait_at(self, gate)
        return self.now.timestamp()

    @action
    async def once_behind(self, key: str, seconds: float, gate: str) -> None:
        """A schedule that rings when the gate opens."""
        self.schedule(key, seconds, self.ring_behind, gate)

    async def ring_behind(self, gate: str) -> None:
        await wait_at(self, gate)
        await self.ring("behind")

    @action
    async def two(self, first: float, second: float) -> None:
        """Set in the other order than they are due in."""
        self.schedule("a", second, self.ring, "second")
        self.schedule("b", first, self.ring, "first")

    @action
    async def pair(self, first: datetime, second: datetime, anew: bool = False) -> None:
        """The first takes the second off the list, or sets it anew, when both are due."""
        self.schedule("first", first, self.renew if anew else self.cut, "second")
        self.schedule("second", second, self.ring, "second")

    async def cut(self, key: str) -> None:
        found = self.unschedule(key)
        self.state.rings.append(f"cut {key} {found}")

    async def renew(self, key: str) -> None:
        self.schedule(key, self.now - timedelta(seconds=0.01), self.ring, "anew")

    @action
    async def again(self, key: str, left: int) -> None:
        """A handler that sets its own schedule anew, `left` times."""
        self.schedule(key, 0.05, self.next_of, key, left)

    async def next_of(self, key: str, left: int) -> None:
        self.state.rings.append(f"left {left}")
        if left:
            self.schedule(key, 0.05, self.next_of, key, left - 1)

    @action(retry=Retry(attempts=3, first=0.05))
    async def crack(self, ledger: str, times: int) -> None:
        """Fails its first `times` runs."""
        if await write_down(self, ledger) <= times:
            raise RuntimeError("the password is hunter2")
        self.state.rings.append("crack")

    @action(public=False, retry=Retry(attempts=2, first=0.05))
    async def crumble(self, ledger: str) -> None:
        await write_down(self, ledger)
        raise RuntimeError("the password is hunter2" + "!" * 9000)

    @action
    async def set_crumble(self, seconds: float, ledger: str) -> None:
        self.schedule("crumble", seconds, self.crumble, ledger)

    @action
    async def set_crack(self, key: str, ledger: str, times: int, every: float | None = None) -> None:
        self.schedule(key, 0.05 if every is None else Every(every), self.crack, ledger, times)

    @action
    async def fill(self, start: int, count: int) -> None:
        """Many schedules, a year ahead."""
        for n in range(start, start + count):
            self.schedule(f"s{n}", timedelta(days=365), self.ring)

    @action
    async def naive(self) -> None:
        self.state.rings.append("naive")
        self.schedule("naive", datetime(2030, 1, 1), self.ring)  # noqa: DTZ001 (must be refused)

    @action
    async def clock(self) -> float:
        return self.now.timestamp()


AGENTS: list[type[Agent[Any, Any]]] = [Ringer]
