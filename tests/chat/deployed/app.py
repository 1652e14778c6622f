"""An app that is bundled: what it loads at its start loads no model's SDK."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from roost import Agent as Roosting
from roost import App, Credentials, Empty, Run, action, job
from roost_chat import Models, Provider


class Desk(Roosting[Empty, Models]):
    @action
    async def ask(self, url: str, told: bool) -> str:
        return self.start(None, self.answer, url, told).id

    @job
    async def answer(self, run: Run, url: str, told: bool) -> list[Any]:
        thinking = import_module("thinking")  # it costs seconds
        found: list[Any] = await thinking.think(Models(providers={"loop": Provider(base_url=url)}), told)
        return found


async def auth(credentials: Credentials) -> None:
    return None


app = App([Desk], auth=auth, egress=["127.0.0.1"])
