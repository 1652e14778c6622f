"""Outbound HTTP in a tick."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import BaseModel

from roost import Agent, RoostError, TransientError, action

from .ledger import write_down


class Seen(BaseModel):
    total: int = 0


class Fetcher(Agent[Seen]):
    @action
    async def post(self, url: str, ledger: str | None = None, fail_first: int = 0) -> list[str]:
        """Three requests, from one client and from two; stumbles `fail_first` runs after them."""
        async with self.http as client:
            answers = [await client.post(url, json={"n": 1}), await client.post(url, json={"n": 2})]
        answers.append(await self.http.post(url, json={"n": 3}))
        self.state.total += len(answers)
        if await write_down(self, ledger) <= fail_first and fail_first:
            raise TransientError("stumbled", retry_after=0)
        return [answer.text for answer in answers]

    @action
    async def persist(self, url: str, ledger: str | None = None, fail_first: int = 0) -> list[str]:
        """As an SDK does: one request, built anew for each try, until it is answered well; then the same once more."""
        answers: list[str] = []
        async with self.http as client:
            for _ in range(2):
                for _ in range(4):
                    try:
                        answer = await client.post(url, json={"n": 1})
                    except httpx.TransportError:
                        continue
                    if answer.status_code == 200:
                        answers.append(answer.text)
                        break
        if await write_down(self, ledger) <= fail_first and fail_first:
            raise TransientError("stumbled", retry_after=0)
        return answers

    @action
    async def reach(self, url: str) -> str:
        """What becomes of a request: its body, or the code of its refusal, or the name of its failure."""
        async with self.http as client:
            client.follow_redirects = True
            try:
                return (await client.get(url)).text
            except RoostError as error:
                return f"{error.code}: {error.message}"
            except httpx.HTTPError as error:
                return type(error).__name__

    @action
    async def drain(self, url: str) -> list[str]:
        """A body: one piece, then the rest by another reader, then what still comes. And one left early."""
        async with self.http as client:
            async with client.stream("POST", url) as answer:
                stream = answer.stream
                assert isinstance(stream, httpx.AsyncByteStream)
                head = b""
                async for piece in stream:
                    head = piece
                    break
                rest = b"".join([piece async for piece in stream])
                again = b"".join([piece async for piece in stream])
            async with client.stream("POST", url) as answer:
                async for _ in answer.aiter_bytes():
                    break
            try:
                await answer.aread()
                late = "read"
            except httpx.StreamError as error:
                late = type(error).__name__
        return [(head + rest).decode(), again.decode(), late]

    @action
    async def own_key(self, url: str) -> None:
        await self.http.post(url, headers={"idempotency-key": "mine"})

    @action(timeout=0.5)
    async def hang(self, url: str) -> None:
        """A request that is never answered."""
        self.state.total += 1
        await self.http.get(url)

    async def later(self, url: str) -> None:
        await self.http.post(url)

    @action
    async def post_later(self, url: str, how: str) -> None:
        """From a tell or a schedule, whose triggers have ids of their own."""
        if how == "tell":
            self.tell(self.later, url)
        else:
            self.schedule("later", 0.05, self.later, url)


AGENTS: list[type[Agent[Any, Any]]] = [Fetcher]
