# pyright: reportPrivateUsage=false
"""Deliberate defects of how a run ends: what is no return commits, or a run reaches the next one's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import pytest

from roost.contract.errors import RoostError
from roost.engine import turn
from roost.engine.run import Run
from roost.ports import Host
from roost.tick.overrun import Overrun

from .mutation import Mutation


def _kept(m: pytest.MonkeyPatch) -> None:
    whole = turn._spoiled

    def kept(one: Run, error: RoostError) -> turn.Ended:
        agent = one.cell.agent
        ended = whole(one, error)
        one.cell.agent = agent
        return ended

    m.setattr(turn, "_spoiled", kept)


def _no_deadline(m: pytest.MonkeyPatch) -> None:
    async def late(
        host: Host, begun: float, seconds: float, handler: Coroutine[Any, Any, Any], blocked: Callable[[float], None]
    ) -> Any:
        timeout = host.timeout(seconds)
        try:
            async with timeout:
                value = await handler
        except TimeoutError as error:
            raise Overrun from error
        return value

    m.setattr(turn, "begin", late)


def _one_object(m: pytest.MonkeyPatch) -> None:
    def same(agent: object) -> object:
        return agent

    m.setattr(turn, "succeed", same)


ENDING: Final = (
    Mutation("what did not commit is committed by the next tick", _kept),
    Mutation("a run past its deadline commits", _no_deadline),
    Mutation("what a tick left behind writes into the next one's state", _one_object),
)
