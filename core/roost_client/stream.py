"""The chunks of one streaming call, over HTTP or a connection alike.

Chunks come live, before the tick's commit; only the end of the stream says that it was committed. When the
server has to run the call again, chunks already handed out belong to an attempt that never happened: the
stream then fails with `stream-reset` instead of mixing two attempts.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

from roost.contract.errors import TransientError, from_problem

from .faults import bad_answer, lost
from .http import Http, is_event_stream, read_events, read_json
from .inner import Inner
from .sse import Parser

Finish = Callable[[Any], None]


class Stream:
    """`async for chunk in stream`. Close it when leaving early: `async with stream:`."""

    __slots__ = ("_chunks", "result")

    def __init__(self, run: Callable[[Finish], AsyncGenerator[Any, None]]) -> None:
        self.result: Any = None
        """What the action returned beside its chunks; set at the end. A generator returns None."""
        self._chunks = run(self._finish)

    def _finish(self, result: Any) -> None:
        self.result = result

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self._chunks.__anext__()

    async def aclose(self) -> None:
        """Stop reading. The call itself goes on: a reader who leaves does not stop it."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def reset() -> TransientError:
    """The server started the call anew after chunks were handed out."""
    return TransientError(
        "the call was started anew; what it streamed so far is void", code="stream-reset", retry_after=0.0
    )


async def call_stream(
    http: Http, path: str, body: str, key: str | None, timeout: float | None, finish: Finish
) -> AsyncGenerator[Any, None]:
    """Chunks of a call over HTTP. `timeout`: seconds between two chunks, and before the first."""
    silence = http.timeout if timeout is None else timeout
    begun = False
    async with http.open("POST", path, body=body, key=key, silence=silence) as answer:
        if not is_event_stream(answer):  # an action that does not stream
            finish(_result(await read_json(answer), path))
            return
        async with aclosing(Inner(read_events(answer, Parser()))) as all_sent:
            async for sent in all_sent:
                match sent.event:
                    case "chunk":
                        begun = True
                        yield json.loads(sent.data)
                    case "stream-reset":
                        if begun:
                            raise reset()
                    case "result":
                        finish(_result(json.loads(sent.data), path))
                        return
                    case "error":
                        raise from_problem(json.loads(sent.data))
                    case _:
                        pass
    raise lost(f"POST {path}: the stream broke off before its result")


def _result(doc: Any, path: str) -> Any:
    try:
        return doc["result"]
    except (TypeError, KeyError):
        raise bad_answer(f"POST {path}: the answer holds no result") from None
