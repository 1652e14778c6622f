"""A raw stream of server-sent events, read as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
from pydantic_core import from_json

from roost_client.sse import Parser, ServerSent

from ..stage import PATIENCE, Stage


class Feed:
    """An open answer of type text/event-stream."""

    def __init__(self, answer: httpx.Response, events: AsyncGenerator[ServerSent, None], parser: Parser) -> None:
        self.answer = answer
        self.parser = parser
        """`retry` is what the server asked for, in seconds; `last_id` what a reconnect would send."""
        self._events = events

    async def next(self, *kinds: str) -> ServerSent:
        """The next event, of one of these kinds if any are given. StopAsyncIteration at the end."""
        async with asyncio.timeout(PATIENCE):
            while True:
                event = await anext(self._events)
                if not kinds or event.event in kinds:
                    return event

    async def data(self, *kinds: str) -> Any:
        """The data of the next event."""
        return from_json((await self.next(*kinds)).data)

    async def rest(self) -> list[ServerSent]:
        """All that comes until the server ends the stream."""
        found: list[ServerSent] = []
        while True:
            try:
                found.append(await self.next())
            except StopAsyncIteration:
                return found


@asynccontextmanager
async def feed(
    stage: Stage, method: str, path: str, /, *, headers: Mapping[str, str] | None = None, **request: Any
) -> AsyncGenerator[Feed]:
    """Ask for events. The answer must be one of events."""
    given = {"accept": "text/event-stream", **(headers or {})}
    async with stage.http() as http, http.stream(method, path, headers=given, **request) as answer:
        kind = answer.headers.get("content-type", "")
        assert answer.status_code == 200, f"{answer.status_code} {(await answer.aread())[:300]!r}"
        assert kind.partition(";")[0] == "text/event-stream", f"the content type is {kind!r}"
        parser = Parser()
        async with aclosing(_events(answer, parser)) as events:
            yield Feed(answer, events, parser)


async def _events(answer: httpx.Response, parser: Parser) -> AsyncGenerator[ServerSent, None]:
    async for data in answer.aiter_bytes():
        for event in parser.feed(data):
            yield event
