"""Outbound HTTP in a tick."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, TransientError, action

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
