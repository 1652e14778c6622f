"""Config: the first source wins, one report names everything that is missing, resources are opened once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel, SecretStr

from roost import Agent, App, Rejected, action, resource
from roost.author.config import from_environment, resolve
from roost.testing import world

pytestmark = pytest.mark.anyio


class Settings(BaseModel):
    model: str
    api_key: SecretStr
    retries: int = 3


class Empty(BaseModel):
    pass


opened: list[str] = []


@resource
async def line() -> AsyncIterator[list[str]]:
    opened.append("open")
    yield ["hello"]
    opened.append("close")


class ChatBot(Agent[Empty, Settings]):
    line = line

    @action
    async def model(self) -> list[str]:
        return [self.config.model, repr(self.config.api_key), *self.line]


app = App([ChatBot])


def test_first_source_wins() -> None:
    environment = from_environment(
        {"ROOST_CHAT_BOT__MODEL": "env", "ROOST_CHAT_BOT__API_KEY": "s3cret", "OTHER": "x"}, app.kinds.values()
    )
    assert environment == {"chat-bot": {"model": "env", "api_key": "s3cret"}}
    found = resolve(app.kinds.values(), [{"chat-bot": {"model": "cli"}}, environment, {"chat-bot": {"retries": 9}}])
    settings = found["chat-bot"]
    assert isinstance(settings, Settings)
    assert (settings.model, settings.retries) == ("cli", 9)
    assert "s3cret" not in repr(settings)


def test_one_report_names_every_missing_field() -> None:
    with pytest.raises(Rejected) as caught:
        resolve(app.kinds.values(), [{"chat-bot": {"retries": "many"}}])
    text = str(caught.value)
    for name in ("ROOST_CHAT_BOT__MODEL", "ROOST_CHAT_BOT__API_KEY", "ROOST_CHAT_BOT__RETRIES"):
        assert name in text


async def test_an_agent_sees_its_config_and_its_resources() -> None:
    opened.clear()
    config = {"chat-bot": {"model": "m", "api_key": "s3cret"}}
    async with world(app, config=config, restless=True) as w:
        for key in ("a", "b", "a"):
            assert await w.agent(ChatBot, key).model() == ["m", "SecretStr('**********')", "hello"]
    assert opened == ["open", "close"]
