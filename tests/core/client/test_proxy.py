from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, Empty, action
from roost.contract.errors import RoostError
from roost_client import Client

from .fake import Fake, ok, sse

pytestmark = pytest.mark.anyio


class Tally(BaseModel):
    count: int


class ChatRoom:
    @action
    async def increment(self, by: int = 1) -> int:
        raise NotImplementedError

    @action(name="read-it")
    async def read(self, timeout: float = 1.0) -> Tally:
        raise NotImplementedError

    @action
    async def nothing(self) -> None: ...

    @action
    async def anything(self) -> Any: ...

    @action
    async def count(self, to: int) -> AsyncIterator[Tally]:
        yield Tally(count=to)

    async def private(self) -> None: ...


class Named(ChatRoom):
    kind = "other-name"


class Inherits(Named):
    pass


class Real(Agent[Empty]):
    @action
    async def increment(self, by: int = 1) -> int:
        return by


async def test_typed_calls(fake: Fake, client: Client) -> None:
    fake.answers = [ok({"result": 3}), ok({"result": {"count": 4}}), ok({"result": None}), ok({"result": [1]})]
    room = client.agent(ChatRoom, "a", idempotency_key="k")
    three: int = await room.increment(2)
    assert three == 3
    tally: Tally = await room.read(timeout=9)
    assert tally == Tally(count=4)
    await room.nothing()
    assert await room.anything() == [1]
    assert fake.seen[0].segments[2:] == ["chat-room", "a", "call", "increment"]
    assert fake.seen[1].segments[-1] == "read-it"
    assert fake.seen[1].body["kwargs"] == {"timeout": 9}
    assert fake.seen[0].headers["idempotency-key"] == "k"
    assert repr(room) == "<ChatRoom 'a' over HTTP>"


async def test_typed_streams(fake: Fake, client: Client) -> None:
    fake.answers = [sse('event: chunk\ndata: {"count": 1}\n\n', 'event: result\ndata: {"result": null}\n\n')]
    assert [chunk async for chunk in client.agent(ChatRoom, "a").count(1)] == [Tally(count=1)]


async def test_kinds_of_classes(fake: Fake, client: Client) -> None:
    fake.answers = [ok({})] * 4
    for cls in (ChatRoom, Named, Inherits, Real):
        await client.handle(cls, "a").status()
    assert [seen.segments[2] for seen in fake.seen] == ["chat-room", "other-name", "inherits", "real"]
    fake.answers = [ok({"result": 5})]
    assert await client.agent(Real, "a").increment(by=5) == 5


async def test_only_actions_are_there(client: Client) -> None:
    room: Any = client.agent(ChatRoom, "a")
    with pytest.raises(AttributeError, match=r"ChatRoom\.private is no action"):
        room.private()
    with pytest.raises(AttributeError, match=r"ChatRoom\.kick does not exist"):
        room.kick()
    assert not hasattr(room, "__wrapped__")


async def test_a_result_of_another_type(fake: Fake, client: Client) -> None:
    fake.answers = [ok({"result": "three"})]
    with pytest.raises(RoostError, match="not what the class says") as caught:
        await client.agent(ChatRoom, "a").increment()
    assert caught.value.code == "bad-answer"
