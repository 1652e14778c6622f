"""`--emulate` over real sockets, the clock in the test's hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, action

from .emulated import platform

pytestmark = pytest.mark.anyio


class Heard(BaseModel):
    texts: list[int] = []
    greeted: int = 0


class Ear(Agent[Heard]):
    @action
    async def hear(self, n: int) -> int:
        self.state.texts.append(n)
        return n

    @action
    async def count(self, to: int) -> AsyncIterator[int]:
        for n in range(to):
            yield n

    async def on_connect(self, connection: object, /) -> None:
        self.state.greeted = len(self.state.texts) + 1
        self.record("joined")


app = App([Ear])


async def test_lambda_sends_nothing_during_connect() -> None:
    async with platform(app, "lambda") as p, p.dial("/prod?agent=ear&name=a") as peer:
        assert await peer.silent()
        p.host.advance(0.04)
        assert await peer.silent()
        p.host.advance(0.02)
        assert (await peer.next())["type"] == "cf_agent_identity"
        assert (await peer.next())["state"] == {"texts": [], "greeted": 0}


async def test_frames_before_the_greeting_wait_for_on_connect() -> None:
    async with platform(app, "lambda") as p, p.dial("/prod?agent=ear&name=a") as peer:
        await peer.call("hear", 7)
        await peer.seen()
        p.host.advance(1)
        await peer.next("rpc")
        assert (await p.backend.runtime.view(Address("ear", "a")))[0] == b'{"texts":[7],"greeted":1}'


async def test_lambda_frames_overtake_each_other() -> None:
    async with platform(app, "lambda") as p, p.peer("ear", "a") as peer:
        sent = list(range(30))
        for n in sent:
            await peer.call("hear", n, id=str(n))
        await peer.seen()
        p.host.advance(1)
        answers = [(await peer.next("rpc"))["result"] for _ in sent]
        assert sorted(answers) == sent != answers


async def test_numbered_frames_are_put_in_order() -> None:
    async with platform(app, "lambda") as p, p.peer("ear", "a") as peer:
        sent = list(range(30))
        for n in sent:
            await peer.call("hear", n, id=str(n), seq=n + 1)
        await peer.seen()
        p.host.advance(1)
        assert [(await peer.next("rpc"))["result"] for _ in sent] == sent


async def test_the_same_seed_is_the_same_order() -> None:
    orders: list[list[int]] = []
    for seed in (3, 3, 4):
        async with platform(app, "lambda", seed) as p, p.peer("ear", "a") as peer:
            for n in range(20):
                await peer.call("hear", n, id=str(n))
            await peer.seen()
            p.host.advance(1)
            orders.append([(await peer.next("rpc"))["result"] for _ in range(20)])
    assert orders[0] == orders[1] != orders[2]


async def test_cloudflare_keeps_order_and_paths() -> None:
    async with platform(app, "cloudflare") as p, p.dial("/agents/ear/a") as peer:
        assert (await peer.next())["type"] == "cf_agent_identity"
        for n in range(30):
            await peer.call("hear", n, id=str(n))
        assert [(await peer.next("rpc"))["result"] for _ in range(30)] == list(range(30))


@pytest.mark.parametrize("name", ["lambda", "cloudflare"])
async def test_a_frame_over_32_kb_closes_1009(name: str) -> None:
    async with platform(app, name) as p, p.peer("ear", "a", "/prod" if name == "lambda" else "/agents") as peer:
        await peer.ws.send("x" * (32 * 1024 + 1))
        assert (await peer.closed())[0] == 1009


async def test_lambda_ends_idle_connections_after_ten_minutes() -> None:
    async with platform(app, "lambda") as p, p.peer("ear", "quiet") as quiet, p.peer("ear", "busy") as busy:
        p.host.advance(590)
        await busy.call("hear", 1)
        await busy.seen()
        p.host.advance(1)
        await busy.next("rpc")
        p.host.advance(20)
        assert await quiet.closed() == (1001, "Going away")
        assert await busy.silent()
        p.host.advance(570)
        assert await busy.silent()
        p.host.advance(30)
        assert await busy.closed() == (1001, "Going away")


async def test_a_frame_from_the_server_keeps_it_open_too() -> None:
    async with platform(app, "lambda") as p, p.peer("ear", "a") as one, p.peer("ear", "a") as two:
        p.host.advance(590)
        await one.call("hear", 1)
        await one.seen()
        p.host.advance(1)
        await two.next("cf_agent_state")  # two only listened
        p.host.advance(300)
        await one.seen()
        await two.seen()
        assert one.ws.close_code is None and two.ws.close_code is None


async def test_lambda_ends_any_connection_after_two_hours() -> None:
    async with platform(app, "lambda") as p, p.peer("ear", "a") as peer:
        for n in range(14):
            p.host.advance(510)
            await peer.call("hear", n)
            await peer.seen()
            p.host.advance(1)
            await peer.next("rpc")
        p.host.advance(100)
        assert await peer.closed() == (1001, "Going away")


async def test_lambda_has_one_url() -> None:
    async with platform(app, "lambda") as p:
        async with p.dial("/agents/ear/a") as peer:
            p.host.advance(1)
            refusal = await peer.next("roost_close")
            assert refusal["problem"]["code"] == "not-supported" and "/prod" in refusal["error"]
            assert (await peer.closed())[0] == 1000, "the server can't choose a close code"
        async with p.dial("/prod?agent=ear") as peer:
            p.host.advance(1)
            assert (await peer.next("roost_close"))["problem"]["code"] == "no-route"


async def test_lambda_does_not_stream_http() -> None:
    async with platform(app, "lambda") as p, httpx.AsyncClient(base_url=p.url) as client:
        answer = await client.post(
            "/v1/agents/ear/a/call/count", json={"args": [3]}, headers={"accept": "text/event-stream"}
        )
        assert "content-length" in answer.headers, "one answer, sent whole"
        assert [line for line in answer.text.splitlines() if line.startswith("event:")] == ["event: chunk"] * 3 + [
            "event: result"
        ]
        await client.post("/v1/agents/ear/a/call/hear", json={"args": [1]})
        events = await client.get("/v1/agents/ear/a/events")
        assert events.status_code == 200, "what is there, then the end"


async def test_a_connection_that_leaves_early_leaves_nothing() -> None:
    async with platform(app, "lambda") as p:
        async with p.dial("/prod?agent=ear&name=a"):
            pass
        async with p.peer("ear", "a") as peer:
            assert p.backend.hub.count == 1
            await peer.ws.close()
        async with httpx.AsyncClient() as client:
            await client.get(f"{p.url}/healthz")
        p.host.advance(1)
        assert p.backend.hub.count == 0
        p.host.advance(10_000)
