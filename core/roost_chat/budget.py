"""`Budget`: what the models of a chat agent may cost; and the purse that keeps to it. Plain data; nothing here acts.

A request reserves the most that it may cost before it is made, and settles for what it did cost after. What was made
and never answered is settled at what was reserved: it may have been paid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic import BaseModel

Scope: TypeAlias = Literal["turn", "session", "caller"]
Window: TypeAlias = Literal["hour", "day", "month"]
Unit: TypeAlias = Literal["usd", "tokens"]

NANO: Final = 10**9
"""Of a dollar: what purses of money count in."""
ENDED: Final = 100
KEPT: Final = 24
"""Windows of which a purse still knows what was spent."""
_WINDOWS: Final[dict[Window | None, str]] = {None: "", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many US dollars, or tokens (those that are sent and those that come), in each `window` of UTC.

    `scope`: of one turn, of a session, or of whoever sends (of one kind of agent, in all of their sessions). No
    `window`: for ever. A turn that would go beyond is held, `over-budget`, until the window is over or an operator
    raises it.
    """

    usd: Decimal | float | str | None = None
    tokens: int | None = None
    window: Window | None = None
    scope: Scope = "session"

    def __post_init__(self) -> None:
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("Budget(usd=2) or Budget(tokens=100_000): one of the two")
        if self.scope not in ("turn", "session", "caller"):
            raise ValueError(f'Budget(scope={self.scope!r}): it is "turn", "session" or "caller"')
        if self.window not in _WINDOWS:
            raise ValueError(f'Budget(window={self.window!r}): it is "hour", "day", "month" or None')
        if self.scope == "turn" and self.window is not None:
            raise ValueError("Budget(scope='turn') has no window: it is of the whole turn")
        self.limit  # noqa: B018  (it is checked)

    @property
    def unit(self) -> Unit:
        return "tokens" if self.usd is None else "usd"

    @property
    def limit(self) -> int:
        """In nano-dollars, or tokens."""
        return amount_of(self.unit, self.usd if self.tokens is None else self.tokens)

    @property
    def purse(self) -> str:
        """What its purse is called."""
        return f"{self.scope}.{self.unit}.{self.window or 'all'}"


def amount_of(unit: Unit, said: object) -> int:
    """Dollars, or tokens, as a purse counts them. ValueError: it is no positive amount."""
    try:
        found = Decimal(str(said)) * (NANO if unit == "usd" else 1)
    except InvalidOperation:
        found = Decimal(0)
    if isinstance(said, bool) or not found.is_finite() or found <= 0 or (unit == "tokens" and found % 1):
        what = "an amount of US dollars" if unit == "usd" else "a number of tokens"
        raise ValueError(f"{said!r} is no {what} above 0")
    return int(found.to_integral_value(ROUND_CEILING))


def budgets_of(given: object) -> tuple[Budget, ...]:
    """What a class says as its `budget`: one, several, or None. TypeError: it is none of these."""
    several: Any = () if given is None else (given,) if isinstance(given, Budget) else given
    if not isinstance(several, (list, tuple)):
        several = [None]
    found = tuple(one for one in cast("Sequence[Any]", several) if isinstance(one, Budget))
    if len(found) != len(cast("Sequence[Any]", several)):
        raise TypeError(f'{given!r} is no budget: Budget(usd=2, window="day", scope="caller"), or several of them')
    if len({one.purse for one in found}) != len(found):
        raise TypeError("two budgets have the same scope, unit and window: keep the smaller one")
    return found


def window_of(window: Window | None, now: datetime) -> str:
    """The name of the window that `now` is in; "" = the only one."""
    return now.astimezone(UTC).strftime(_WINDOWS[window])


def end_of(window: Window | None, now: datetime) -> datetime | None:
    """When it is over; None: never."""
    if window is None:
        return None
    now = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if window == "hour":
        return now + timedelta(hours=1)
    now = now.replace(hour=0)
    return now + timedelta(days=1) if window == "day" else (now.replace(day=1) + timedelta(days=32)).replace(day=1)


class Reserved(BaseModel):
    """For one try of one request."""

    turn: str
    """`kind/key#job`."""
    request: str
    """Of the turn: settled once, whichever of its tries was answered."""
    window: str
    amount: int


class Waiting(BaseModel):
    """A turn that was refused."""

    turn: str
    window: str
    amount: int


class Purse(BaseModel):
    """Of one budget."""

    limit: int = 0
    """As the class said when something was last reserved."""
    spent: dict[str, int] = {}
    """Window -> what was settled in it."""
    more: dict[str, int] = {}
    """Window -> by what an operator raised it."""
    held: dict[str, Reserved] = {}
    """By the id of the try."""
    waiting: list[Waiting] = []

    @property
    def windows(self) -> list[str]:
        """In which something was counted, or is waited for."""
        held = {row.window for row in self.held.values()}
        return sorted(held | {one.window for one in self.waiting} | self.spent.keys())

    def room(self, window: str) -> int:
        """What may still be reserved."""
        held = sum(one.amount for one in self.held.values() if one.window == window)
        return self.limit + self.more.get(window, 0) - self.spent.get(window, 0) - held

    def reserve(self, id: str, row: Reserved) -> bool:
        """False: it would go beyond; the turn waits then. The same id is the same reservation."""
        if id in self.held:
            return True
        self.waiting = [one for one in self.waiting if one.turn != row.turn]
        if row.amount > self.room(row.window):
            self.waiting.append(Waiting(turn=row.turn, window=row.window, amount=row.amount))
            return False
        self.held[id] = row
        return True

    def settle(self, turn: str, request: str, actual: int | None) -> None:
        """A request was answered and cost so much (None: nobody knows). Its other tries are settled as they were
        reserved: a host died over them, or they were cut, and may have been paid all the same."""
        for id, row in list(self.held.items()):
            if (row.turn, row.request) == (turn, request):
                del self.held[id]
                self.spend(row.window, row.amount if actual is None else actual)
                actual = None

    def spend(self, window: str, amount: int) -> None:
        self.spent[window] = self.spent.get(window, 0) + amount
        for old in sorted(self.spent)[:-KEPT]:
            if not any(row.window == old for row in self.held.values()):
                del self.spent[old]
                self.more.pop(old, None)

    def finish(self, turn: str) -> None:
        """The turn has ended: what it still holds was never answered."""
        for request in {row.request for row in self.held.values() if row.turn == turn}:
            self.settle(turn, request, None)
        self.waiting = [one for one in self.waiting if one.turn != turn]

    def ready(self) -> list[str]:
        """Turns that wait and have room now, the first first; they wait no more."""
        found: list[str] = []
        room: dict[str, int] = {}
        rest: list[Waiting] = []
        for one in self.waiting:
            left = room.setdefault(one.window, self.room(one.window))
            if one.amount <= left:
                room[one.window] = left - one.amount
                found.append(one.turn)
            else:
                rest.append(one)
        self.waiting = rest
        return found


class Standing(BaseModel):
    """How a budget stands: US dollars, or tokens."""

    scope: Scope
    unit: Unit
    window: str
    """The one that runs, `2026-12-24`; of a turn its job; "" = for ever."""
    limit: float
    spent: float
    reserved: float
    """By requests that run."""
    waiting: int
    """Turns."""


class Purses(BaseModel):
    """Of one session, or one caller: by `Budget.purse`."""

    of: dict[str, Purse] = {}
    ended: list[str] = []
    """Turns, the last ones: nothing is reserved for them any more."""

    def standing(self, now: datetime) -> list[Standing]:
        return [
            self._standing(name, purse, window)
            for name, purse in sorted(self.of.items())
            for window in (purse.windows if name.startswith("turn.") else [window_of(_window(name), now)])
        ]

    def _standing(self, name: str, purse: Purse, window: str) -> Standing:
        scope, unit, _ = name.split(".")
        per = NANO if unit == "usd" else 1
        held = sum(row.amount for row in purse.held.values() if row.window == window)
        return Standing.model_validate({
            "scope": scope, "unit": unit, "window": window,
            "limit": (purse.limit + purse.more.get(window, 0)) / per, "spent": purse.spent.get(window, 0) / per,
            "reserved": held / per, "waiting": sum(one.window == window for one in purse.waiting),
        })  # fmt: skip

    def raise_by(self, unit: Unit, amount: int, now: datetime) -> int:
        """In the windows that run, of each turn too, and in those that are waited for. How many purses there are."""
        found = [(name, purse) for name, purse in self.of.items() if name.split(".")[1] == unit]
        for name, purse in found:
            if name.startswith("turn."):
                windows = set(purse.windows)
            else:
                windows = {window_of(_window(name), now), *(one.window for one in purse.waiting)}
            for window in windows:
                purse.more[window] = purse.more.get(window, 0) + amount
        return len(found)


def _window(name: str) -> Window | None:
    found = re.sub(r".*\.", "", name)
    return None if found == "all" else found  # type: ignore[return-value]  # pyright: ignore[reportReturnType]
