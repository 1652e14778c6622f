"""Deliberate defects of time that is set, and of connections that end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import pytest

from roost.contract.commit import Commit
from roost.contract.trigger import Disconnect
from roost.engine import failure, turn
from roost.hosting.asyncio_host import AsyncioHost
from roost.ports import Timer

from .host import SimHost
from .mutation import Mutation


def _monotonic_timers(m: pytest.MonkeyPatch) -> None:
    def call_at(self: AsyncioHost, at: float, call: Callable[[], object]) -> Timer:
        return self.call_later(max(0.0, at - self.now()), call)

    m.setattr(AsyncioHost, "call_at", call_at)


def _wall_deadlines(m: pytest.MonkeyPatch) -> None:
    whole = SimHost.__init__

    def init(self: SimHost, name: str, rng: Random, broken: Callable[[BaseException], None]) -> None:
        whole(self, name, rng, broken)
        self.monotonic = self.now

    m.setattr(SimHost, "__init__", init)


def _stays(m: pytest.MonkeyPatch) -> None:
    whole: Any = failure.attempted

    def attempted(kind: Any, waiting: Any, *rest: Any) -> Commit | None:
        if isinstance(waiting.trigger.payload, Disconnect):
            return None
        found: Commit | None = whole(kind, waiting, *rest)
        return found

    m.setattr(turn, "attempted", attempted)


CLOCKS: Final = (
    Mutation("a timer does not see that the wall clock was set", _monotonic_timers, bug=True),
    Mutation("a deadline moves with the wall clock", _wall_deadlines, bug=True, first=352),
    Mutation("a connection whose on_disconnect fails stays on the list", _stays, bug=True),
)
