"""What a caller may use: refused with 429 beyond it, on every route; what an agent or the store counts is exact."""

from __future__ import annotations

from typing import Any

import httpx

from ..app import LITTLE, SMALL
from ..case import case
from ..probes.answer import absent, problem_of
from ..probes.talk import talk
from ..stage import Stage

HOSTS = 24
"""More hosts than any deployment under test has: each may count calls by itself."""


def _small(stage: Stage) -> tuple[str, dict[str, str]]:
    """A client with little, as a token and as headers."""
    token = f"user:{SMALL}{stage.key()}"
    return token, {"authorization": f"Bearer {token}"}


def _fields(answer: httpx.Response, quota: str, amount: int) -> None:
    assert answer.headers["ratelimit-policy"].startswith(f'"{quota}";q={amount};'), answer.headers
    assert answer.headers["ratelimit"].startswith(f'"{quota}";r='), answer.headers


@case("49", "a caller that has used its quota is refused with 429, what to wait for and which quota; others are not")
async def quota_of_calls(stage: Stage) -> None:
    key, (_, small) = stage.key(), _small(stage)
    path = stage.path("counter", key, "call", "increment")
    assert LITTLE.calls is not None
    amount, made = LITTLE.calls.amount, 0
    async with stage.http() as http:
        while True:
            answer = await http.post(path, headers=small)
            if answer.status_code != 200:
                break
            made += 1
            _fields(answer, "calls", amount)
            assert made <= amount * HOSTS, "nothing is ever refused"
        assert made >= amount, f"refused after {made} of {amount}"
        problem = problem_of(answer, 429, "limit-quota-calls")
        assert problem["data"]["quota"] == "calls" and problem["data"]["limit"] == amount, problem
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["ratelimit"].startswith('"calls";r=0;t='), answer.headers
        other = await http.post(path, headers={"authorization": "Bearer user:large"})
        assert other.json() == {"result": made + 1}, f"what was refused has happened: {other.text}"
        assert "ratelimit" not in other.headers
        assert (await http.post(path, headers=_small(stage)[1])).status_code == 200, "another caller has paid for it"


@case("49", "tells, keys and bytes have quotas of their own, and what is refused leaves nothing")
async def quotas_by_kind(stage: Stage) -> None:
    async with stage.http() as http:
        for quota, rate in (("tells", LITTLE.tells), ("keys", LITTLE.keys), ("bytes", LITTLE.bytes)):
            key, (_, small) = stage.key(), _small(stage)
            what = "tell" if quota == "tells" else "call"
            path = stage.path("counter", key, what, "increment")
            assert rate is not None
            body = b'{"args":[1]}' + b" " * (9000 if quota == "bytes" else 0)
            made = 0
            while True:
                more: dict[str, Any] = {"idempotency-key": f"k{made}"} if quota == "keys" else {}
                answer = await http.post(path, content=body, headers={**small, **more})
                if answer.status_code >= 400:
                    break
                made += 1
                assert made < 10 * HOSTS, f"{quota}: nothing is ever refused"
            problem_of(answer, 429, f"limit-quota-{quota}")
            assert made >= (2 if quota == "bytes" else rate.amount), f"{quota}: refused after {made}"

            async def all_of_them(key: str = key, made: int = made) -> bool:
                async with stage.agent("counter", key) as counter:
                    return bool(await counter.call("increment", 0) == made)

            await stage.until(all_of_them)


@case("49", "agents that a caller makes are counted exactly, by calls, tells and sockets; those that are there are not")
async def quota_of_created(stage: Stage) -> None:
    token, small = _small(stage)
    keys = [stage.key() for _ in range(4)]
    async with stage.http() as http:
        assert (await http.post(stage.path("counter", keys[0], "call", "increment"), headers=small)).status_code == 200
        assert (await http.post(stage.path("counter", keys[1], "tell", "increment"), headers=small)).status_code == 202
        for what in ("call", "tell"):
            answer = await http.post(stage.path("counter", keys[2], what, "increment"), headers=small)
            problem_of(answer, 429, "limit-quota-created")
        async with talk(stage, "counter", keys[3], token=token, greeted=False) as ws:
            await ws.refused(429, "limit-quota-created")
        for key in keys[2:]:
            await absent(stage, "counter", key)
        assert (await http.post(stage.path("counter", keys[0], "call", "increment"), headers=small)).status_code == 200


@case("49", "how many sockets a caller has at an agent is exact on every backend; one that ends gives its place back")
async def quota_of_sockets(stage: Stage) -> None:
    key, (token, _) = stage.key(), _small(stage)
    async with stage.agent("counter", key) as counter:
        await counter.call("increment")  # the agent is there, whoever comes
        assert LITTLE.sockets == 2
        async with talk(stage, "counter", key, token=token) as first, talk(stage, "counter", key, token=token):
            async with talk(stage, "counter", key, token=token, greeted=False) as third:
                await third.refused(429, "limit-quota-sockets")
            async with talk(stage, "counter", key, token="user:large") as other:
                await other.result("increment")
            await first.socket.close()

            async def again() -> bool:
                async with stage.socket("counter", key, token=token) as ws:
                    await ws.send('{"type":"rpc","id":"1","method":"increment","args":[]}')
                    while True:
                        frame = await stage.frame(ws)
                        if frame.get("type") in ("rpc", "roost_close"):
                            return bool(frame["type"] == "rpc")

            await stage.until(again)


@case("49", "frames use the quota of calls too: each that is refused says so, and the connection stays")
async def quota_of_frames(stage: Stage) -> None:
    key, (token, _) = stage.key(), _small(stage)
    async with stage.agent("counter", key) as counter:
        await counter.call("increment")
        async with talk(stage, "counter", key, token=token) as ws:
            made = 0
            while True:
                reply = await ws.call("increment")
                if not reply["success"]:
                    break
                made += 1
                assert made < 8 * HOSTS, "nothing is ever refused"
            assert (reply["code"], reply["status"]) == ("limit-quota-calls", 429), reply
            assert made >= 7, f"refused after {made}; the handshake is one of 8"
        assert await counter.call("increment") == made + 2
