# pyright: reportPrivateUsage=false
"""Deliberate defects of how a run ends: what is no return commits, or a run reaches the next one's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest

from roost.author.agent import Agent
from roost.engine import cell, turn
from roost.ports import Host
from roost.tick.image import Image
from roost.tick.overrun import Overrun

from .mutation import Mutation


def _kept(m: pytest.MonkeyPatch) -> None:
    whole = turn._lend
    last: dict[Image, Agent[Any, Any]] = {}

    async def lend(one: cell.Cell, image: Image) -> Agent[Any, Any]:
        failed = last.get(image)
        if failed is None or "state" not in vars(failed):
            failed = await whole(one, image)
        last[image] = failed
        return failed

    m.setattr(turn, "_lend", lend)


def _no_deadline(m: pytest.MonkeyPatch) -> None:
    async def within(
        host: Host, seconds: float, handler: Coroutine[Any, Any, Any], blocked: Callable[[float], None]
    ) -> Any:
        timeout = host.timeout(seconds)
        try:
            async with timeout:
                value = await handler
        except TimeoutError as error:
            raise Overrun from error
        return value

    m.setattr(turn, "within", within)


def _one_object(m: pytest.MonkeyPatch) -> None:
    def same(agent: object) -> object:
        return agent

    m.setattr(turn, "succeed", same)


ENDING: Final = (
    Mutation("what did not commit is committed by the next tick", _kept),
    Mutation("a run past its deadline commits", _no_deadline),
    Mutation("what a tick left behind writes into the next one's state", _one_object),
)
