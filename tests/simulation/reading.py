# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
"""Deliberate defects of what readers are sent, and of the reads behind it; all but the first two were real ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import pytest

from roost.engine import cell, chunks
from roost.engine.mailbox import Waiting
from roost.engine.subscribers import Subscriber
from roost.tick.tick import Tick
from roost_http import events, stream

from .mutation import Mutation


def _open_end(m: pytest.MonkeyPatch) -> None:
    m.setattr(stream, "ending", lambda result: b"")


def _no_gap(m: pytest.MonkeyPatch) -> None:
    def silent(self: events.Reader, first: int) -> bytes:
        self.position = first - 1
        return b""

    m.setattr(events.Reader, "_gap", silent)


def _untold(m: pytest.MonkeyPatch) -> None:
    async def live(self: events.Reader, subscriber: Subscriber) -> AsyncGenerator[bytes, None]:
        yield b"".join([self._item(item) for item in subscriber.take() if not self.over])

    m.setattr(events.Reader, "live", live)


def _runs_alike(m: pytest.MonkeyPatch) -> None:
    """The number of an attempt dies with its host."""

    def chunk_id(tick: Tick, waiting: Waiting) -> str:
        return f"{waiting.trigger.id or f'{tick.seed:016x}'}.{tick.attempt_no}.{tick.chunks}"

    m.setattr(chunks, "_chunk_id", chunk_id)


def _swept(m: pytest.MonkeyPatch) -> None:
    def idle(self: cell.Cell) -> bool:
        return not (self.pumping or self.parking or self.flight or self.settled or len(self.mailbox))

    m.setattr(cell.Cell, "idle", property(idle))


READING: Final = (
    Mutation("a stream breaks off before its result", _open_end),
    Mutation("a reader is not told of entries that are gone", _no_gap),
    Mutation("an idle agent is dropped while a reader loads it", _swept, bug=True, first=832_059),
    Mutation("a reader misses the entries of a commit whose answer was lost", _untold, bug=True, first=3_790),
    Mutation("two runs of a call stream under the same ids", _runs_alike, bug=True, first=488),
)
