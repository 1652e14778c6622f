# pyright: reportPrivateUsage=false
# A patch of the inside of the product reaches into it.
"""Deliberate defects of what jobs stream."""

from __future__ import annotations

from typing import Final

import pytest

from roost.contract.job import Claim
from roost.contract.stream import Entry
from roost.engine.jobs.reading import Reader, Told
from roost.engine.jobs.streaming import Streams

from .mutation import Mutation


def _stored_later(m: pytest.MonkeyPatch) -> None:
    """A step's outcome is journaled before what it said is stored."""

    async def settle(self: Streams) -> None:
        self._write()

    m.setattr(Streams, "settle", settle)


def _said_twice(m: pytest.MonkeyPatch) -> None:
    """What a step said stands when it runs again."""

    def begun(self: Streams, step: str) -> None: ...

    m.setattr(Streams, "begun", begun)


def _unfenced(m: pytest.MonkeyPatch) -> None:
    """An executor begins without a look at what is stored."""

    async def take_over(self: Streams, claim: Claim) -> None: ...

    m.setattr(Streams, "_take_over", take_over)


def _uncut(m: pytest.MonkeyPatch) -> None:
    """A reader is not told that what was never stored is void."""

    def void(self: Reader, claim: int, cut: int) -> list[Told]:
        return []

    m.setattr(Reader, "_void", void)


def _anyones(m: pytest.MonkeyPatch) -> None:
    """A reset voids what all steps said."""
    whole = Reader._these

    def these(self: Reader, entries: list[Entry]) -> list[Told]:
        told = whole(self, entries)
        return [
            Told(x.kind, x.cursor, x.data.partition(b',"step"')[0] + b',"step":""}') if x.kind == "reset" else x
            for x in told
        ]

    m.setattr(Reader, "_these", these)


STREAMS: Final = (
    Mutation(
        "a step's outcome is journaled before what it said is stored", _stored_later, first=22, jobs=True, streams=True
    ),
    Mutation("what a step said stands when it runs again", _said_twice, jobs=True, streams=True),
    Mutation("a stream goes on without a look at what is stored", _unfenced, jobs=True, streams=True),
    Mutation("a reader is not told what was never stored", _uncut, jobs=True, streams=True),
    Mutation("a reset voids what all steps said", _anyones, jobs=True, streams=True),
)
