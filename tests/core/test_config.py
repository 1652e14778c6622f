"""Config: the first source wins, one report names everything that is missing, resources are opened once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel, Field, SecretStr

from roost import Agent, App, Rejected, action, resource
from roost.author.config import ConfigTable, from_environment, resolve
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


class Model(BaseModel):
    name: str
    temperature: float = 0.5
    stop: list[str] = []


class Wide(BaseModel):
    model: Model
    spare: Model | None = None
    tags: list[str] = []
    limits: dict[str, int] = {}
    ids: set[int] = set()
    pair: tuple[int, str] = (0, "")
    mixed: str | list[str] = ""
    text: str = ""
    maybe: int | None = 1
    named: str = Field("", alias="Named-So")
    two__parts: int = 0


class Wider(Agent[Empty, Wide]):
    pass


wide = App([Wider]).kinds.values()


def widened(*sources: ConfigTable, **variables: str) -> Wide:
    found = resolve(wide, [*sources[:1], from_environment(variables, wide), *sources[1:]])["wider"]
    assert isinstance(found, Wide)
    return found


def test_lists_and_tables_are_json_and_parts_have_variables_of_their_own() -> None:
    found = widened(
        ROOST_WIDER__MODEL='{"name": "m", "stop": ["a"]}', ROOST_WIDER__MODEL__TEMPERATURE="0.25",
        ROOST_WIDER__SPARE__NAME="s", ROOST_WIDER__SPARE__STOP='["b", "c"]', ROOST_WIDER__TAGS='["x", "y,z"]',
        ROOST_WIDER__LIMITS='{"a": 1}', ROOST_WIDER__LIMITS__Per_Day="5", ROOST_WIDER__IDS="[1, 2]",
        ROOST_WIDER__PAIR='[1, "p"]', ROOST_WIDER__TEXT='["kept"]', ROOST_WIDER__MIXED="[1]",
        ROOST_WIDER__MAYBE="null", ROOST_WIDER__TWO__PARTS="2", ROOST_WIDER__NAMED="n",
    )  # fmt: skip
    assert found.model == Model(name="m", temperature=0.25, stop=["a"])
    assert found.spare == Model(name="s", stop=["b", "c"])
    assert (found.tags, found.limits, found.ids) == (["x", "y,z"], {"a": 1, "Per_Day": 5}, {1, 2})
    assert (found.pair, found.text, found.mixed) == ((1, "p"), '["kept"]', "[1]")
    assert (found.maybe, found.two__parts, found.named) == (None, 2, "n")


def test_names_are_of_any_case() -> None:
    found = widened(
        roost_wider__Model__Name="low", Roost_Wider__TAGS='["t"]', ROOST_WIDER__text="b", ROOST_WIDER__TEXT="A"
    )
    assert (found.model.name, found.tags, found.text) == ("low", ["t"], "A")


def test_tables_of_several_sources_are_merged() -> None:
    found = widened(
        {"wider": {"model": {"name": "cli"}}},
        {"wider": {"model": {"name": "toml", "temperature": 1.5}, "tags": ["t"]}},
        ROOST_WIDER__MODEL__STOP='["env"]',
    )
    assert found.model == Model(name="cli", temperature=1.5, stop=["env"]) and found.tags == ["t"]


def test_what_is_unknown_or_no_json_is_named() -> None:
    with pytest.raises(Rejected) as caught:
        widened(
            {"wider": {"colour": 1}},
            ROOST_WIDER__TGAS="[]",
            ROOST_WIDER__TAGS="a,b",
            ROOST_WIDER__MODEL__TEMPERATURE="x",
        )
    text = str(caught.value)
    for part in ("'colour'", "'tgas' (ROOST_WIDER__TGAS)", "it has: model,", "ROOST_WIDER__TAGS", "are JSON there",
                 "ROOST_WIDER__MODEL__TEMPERATURE", "ROOST_WIDER__MODEL__NAME"):  # fmt: skip
        assert part in text, text
    with pytest.raises(Rejected, match=r"no config field 'x' .*it has none"):
        resolve(App([Plain]).kinds.values(), [from_environment({"ROOST_PLAIN__X": "1"}, App([Plain]).kinds.values())])


class Plain(Agent[Empty]):
    pass


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
