"""What is used of pydantic-ai beside its public API, each in one function: the first place to look after an upgrade."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from pydantic_ai import _utils
from pydantic_ai._agent_graph import set_agent_graph_sleep

from roost.author.work import INSIDE


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


class _Beside(Executor):
    """Calls as the host of the step has them beside its loop: in a thread; in a test's world at once."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()

        async def carry() -> None:
            try:
                done.set_result(await self._host.in_thread(partial(fn, *args, **kwargs)))
            except BaseException as error:
                done.set_exception(error)

        self._host.spawn(carry())
        return done


@contextmanager
def with_threads() -> Generator[None]:
    """Inside a step, which runs in a copy of the body's context: a synchronous tool has a thread again, where there are
    any; else it runs on the host's loop."""
    scope: Any = INSIDE.get()
    if scope is None or not scope.runtime.capabilities.threads:
        yield
        return
    flag = _utils._disable_threads  # pyright: ignore[reportPrivateUsage]
    token = flag.set(False)
    try:
        with _utils.using_thread_executor(_Beside(scope.runtime.host)):
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
