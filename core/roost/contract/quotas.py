"""Quotas: how much one caller may ask for, and what it is told about that.

Field syntax: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from math import ceil, isfinite
from typing import Final, TypeAlias

from .errors import LimitExceeded
from .trigger import Caller


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds. All may come at once; they are given back evenly."""

    amount: int
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or self.amount < 1:
            raise ValueError(f"Rate(amount={self.amount!r}): it is a whole number from 1")
        if not (isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"Rate(seconds={self.seconds!r}): it is a positive number of seconds")


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one caller may do; None: no quota. Operators, agents and the app itself have none."""

    calls: Rate | None = Rate(1200)
    """Requests and frames that are no tells: calls, messages, `on_request`, reads."""
    tells: Rate | None = Rate(600)
    created: Rate | None = Rate(300, 3600.0)
    """Agents that did not exist before the request."""
    keys: Rate | None = Rate(36_000, 3600.0)
    """Idempotency keys: each is a stored row for a day."""
    bytes: Rate | None = Rate(64 << 20)
    """Bodies of requests and frames."""
    sockets: int | None = 100
    """WebSockets open at once."""

    def __post_init__(self) -> None:
        if self.sockets is not None and (isinstance(self.sockets, bool) or self.sockets < 1):
            raise ValueError(f"Quotas(sockets={self.sockets!r}): it is a whole number from 1")

    def rates(self) -> Iterator[tuple[str, Rate]]:
        """Each rate by its name."""
        for f in fields(self):
            value: object = getattr(self, f.name)
            if isinstance(value, Rate):
                yield f.name, value


DEFAULT: Final = Quotas()
"""Holds where others can reach the app and it says nothing else."""
UNLIMITED: Final = Quotas(None, None, None, None, None, None)
"""`App(quotas=UNLIMITED)`: no quotas anywhere."""
Plan: TypeAlias = Callable[[Caller | None], Quotas]
"""Chooses quotas by caller: `App(quotas=lambda caller: PRO if caller and "pro" in caller.roles else FREE)`."""


def quota_of(quotas: Quotas | Plan, caller: Caller | None) -> Quotas:
    """The quotas of a caller."""
    return quotas if isinstance(quotas, Quotas) else quotas(caller)


def spent(name: str, rate: Rate, wait: float, whose: str = "this caller") -> LimitExceeded:
    """The refusal of what is more than the rate; it may come again after `wait` seconds."""
    what = {"bytes": "bytes", "keys": "idempotency keys", "created": "new agents"}.get(name, name)
    return LimitExceeded(
        f"{whose} has used its quota of {rate.amount} {what} in {rate.seconds:g} seconds; "
        f"wait {ceil(wait)} s, or have the app's author raise App(quotas=Quotas({name}=...))",
        limit=f"quota_{name}", status=429, retry_after=float(max(1, ceil(wait))),
        data={"quota": name, "limit": rate.amount, "seconds": rate.seconds, "violated-policies": [name]},
    )  # fmt: skip


def seated(most: int, where: str, whose: str = "this caller") -> LimitExceeded:
    """The refusal of one WebSocket too many."""
    return LimitExceeded(
        f"{whose} has {most} WebSockets open {where}, which is its quota; close one, or have the app's author raise "
        f"App(quotas=Quotas(sockets=...))",
        limit="quota_sockets", status=429, retry_after=5.0,
        data={"quota": "sockets", "limit": most, "violated-policies": ["sockets"]},
    )  # fmt: skip


def policy(name: str, rate: Rate) -> str:
    """One item of the field RateLimit-Policy."""
    unit = ';qu="content-bytes"' if name == "bytes" else ""
    return f'"{name}";q={rate.amount}{unit};w={max(1, ceil(rate.seconds))}'


def left(name: str, remaining: int, reset: float) -> str:
    """One item of the field RateLimit."""
    return f'"{name}";r={remaining};t={max(0, ceil(reset))}'
