"""The wrappers an app puts around its ticks (`App(around=...)`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..contract.errors import RoostError
from .perform import Breathe, HttpAnswer, Runnable, perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..author.agent import Agent
    from ..author.app import Around
    from .tick import Tick


async def wrapped(
    wrappers: Sequence[Around], agent: Agent[Any, Any], tick: Tick, waiting: Runnable, breathe: Breathe
) -> bytes | HttpAnswer:
    """The handler inside the wrappers, outermost first."""
    out: list[bytes | HttpAnswer] = []
    failed: list[BaseException] = []

    async def layer(depth: int) -> None:
        if depth == len(wrappers):
            try:
                out.append(await perform(agent, tick, waiting, breathe))
            except BaseException as error:
                failed.append(error)
                raise
        else:
            await wrappers[depth](agent, waiting.trigger, partial(layer, depth + 1))

    await layer(0)
    if failed:  # whatever a wrapper made of it
        raise failed[0]
    if not out:
        raise RoostError("a wrapper given as App(around=...) did not proceed", code="not-proceeded")
    return out[0]
