"""What is used of pydantic-ai beside its public API, each in one function: the first place to look after an upgrade."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic_ai import _utils
from pydantic_ai._agent_graph import set_agent_graph_sleep


@contextmanager
def durable_sleep(sleep: Callable[[float], Awaitable[None]]) -> Generator[None]:
    """Waits of an agent's loop (between polls of a background answer, ...) are the journal's."""
    with set_agent_graph_sleep(sleep):
        yield


@contextmanager
def without_threads() -> Generator[None]:
    """A synchronous system prompt, validator or hook runs in the body itself: a body has no threads."""
    with _utils.disable_threads():
        yield


@contextmanager
def with_threads() -> Generator[None]:
    """Inside a step, which runs in a copy of the body's context: a synchronous tool has a thread again."""
    flag = _utils._disable_threads  # pyright: ignore[reportPrivateUsage]
    token = flag.set(False)
    try:
        yield
    finally:
        flag.reset(token)


def stamp(messages: list[Any], since: int, now: datetime) -> int:
    """Give the requests from place `since` on the journal's time, which a replay gives them again; the new length.

    pydantic-ai stamps what it makes in the body (prompts, tools' returns) by the host's clock. Responses come out of
    the journal with the time that they had.
    """
    for message in messages[since:]:
        if message.kind == "request":
            if message.timestamp is not None:
                message.timestamp = now
            for part in message.parts:
                if hasattr(part, "timestamp"):
                    part.timestamp = now
    return len(messages)
