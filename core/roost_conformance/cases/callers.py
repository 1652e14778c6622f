"""Who is calling: a caller's source is Roost's to say, actions may ask for it, and so may the auth hook's refusals."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from ..case import case
from ..probes.answer import absent, problem_of
from ..probes.talk import talk
from ..stage import Stage


def _as(token: str | None, **more: str) -> dict[str, str]:
    return more if token is None else {"authorization": f"Bearer {token}", **more}


async def _lines(stage: Stage, key: str) -> list[str]:
    async with stage.agent("vault", key) as vault:
        lines: list[str] = (await vault.state())["lines"]
        return lines


@case("2", "a client that the auth hook calls like an agent, the operator or the app is a client all the same")
async def names_do_not_make_a_caller(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http, stage.client() as operator:
        path = stage.path("vault", key, "call", "who")
        agent = f"messenger/{key}"
        for name in (agent, "admin", "app", "operator", f"vault/{key}"):
            answer = await http.post(path, headers=_as(f"user:{name}"))
            assert answer.json() == {"result": ["client", name]}, answer.text
            answer = await http.post(path, headers=_as(f"user:{name};source=agent"))
            assert answer.json() == {"result": ["client", name]}, f"the hook has made an agent of it: {answer.text}"
            for kind in ("agents", "operators"):
                answer = await http.post(
                    stage.path("vault", key, "call", kind), json={"args": ["x"]}, headers=_as(f"user:{name}")
                )
                problem_of(answer, 403, "not-allowed")
        assert (await http.post(path)).json() == {"result": ["nobody"]}
        assert await operator.agent("vault", key).call("who") == ["operator", "admin"]
        assert await operator.agent("messenger", key).call("carry", key, "agents", "x") == ["agent", agent]
    assert await _lines(stage, key) == [f"x agent/{agent}"]


@case("2", "an action for agents is refused to others on every route, and nothing of it happens")
async def guarded_action_on_every_route(stage: Stage) -> None:
    key = stage.key()
    token = "user:messenger/x"
    body = {"args": ["x"]}
    async with stage.http() as http, stage.agent("messenger", key) as messenger:
        for who in (token, None, stage.harness.admin_token):
            for path, given in (
                (stage.path("vault", key, "call", "agents"), body),
                (stage.path("vault", key, "tell", "agents"), body),
                (stage.path("vault", key, "call", "peek"), {}),
                (stage.path("vault", key, "call", "trickle"), {}),
            ):
                ways: list[dict[str, str]] = [{"idempotency-key": "k"}]
                for more in [*ways, {}, {"accept": "text/event-stream"}] if who == token else ways:
                    problem = problem_of(
                        await http.post(path, json=given, headers=_as(who, **more)), 403, "not-allowed"
                    )
                    assert "agent" in problem["detail"], problem
        await absent(stage, "vault", key)
        async with talk(stage, "vault", key, token=token) as ws:
            for method, args in (("agents", ["x"]), ("peek", []), ("trickle", [])):
                reply = await ws.call(method, *args)
                assert reply["success"] is False and (reply["code"], reply["status"]) == ("not-allowed", 403), reply
        assert await messenger.call("carry", key, "agents", "asked") == ["agent", f"messenger/{key}"]
        await messenger.call("send", key, "agents", "told")

        async def told() -> bool:
            return await _lines(stage, key) == [f"{what} agent/messenger/{key}" for what in ("asked", "told")]

        await stage.until(told)


@case("2", "a role is asked of clients on every route; an agent is not among those an action for clients is for")
async def roles_are_asked(stage: Stage) -> None:
    key = stage.key()
    call, tell = stage.path("vault", key, "call", "clerks"), stage.path("vault", key, "tell", "clerks")
    async with stage.http() as http, stage.agent("messenger", key) as messenger:
        for path in (call, tell):
            for who in (None, "user:ann", "user:ann;roles=guest", "user:admin", "user:clerk"):
                problem_of(await http.post(path, json={"args": ["x"]}, headers=_as(who)), 403, "not-allowed")
        assert await messenger.call("refused", key) == "not-allowed"
        clerk = "user:ann;roles=guest,clerk"
        answer = await http.post(call, json={"args": ["called"]}, headers=_as(clerk, **{"idempotency-key": "k"}))
        assert answer.json() == {"result": ["client", "ann", "guest", "clerk"]}, answer.text
        again = await http.post(call, json={"args": ["called"]}, headers=_as("user:ann", **{"idempotency-key": "k"}))
        problem_of(again, 403, "not-allowed")
        assert (await http.post(tell, json={"args": ["told"]}, headers=_as(clerk))).status_code == 202
        async with talk(stage, "vault", key, token=clerk) as ws:
            assert await ws.result("clerks", "framed") == ["client", "ann", "guest", "clerk"]

        async def all_there() -> bool:
            return sorted(await _lines(stage, key)) == [
                f"{what} client/ann/guest/clerk" for what in ("called", "framed", "told")
            ]

        await stage.until(all_there)


@case("2", "an agent may run all of its own: what it tells itself and its schedules are asked for nothing")
async def own_actions_are_not_guarded(stage: Stage) -> None:
    async with stage.agent("vault") as vault:
        await vault.call("later")

        async def both() -> bool:
            lines = sorted((await vault.state())["lines"])
            return lines == ["by schedule nobody", f"told itself agent/{vault.address}"]

        await stage.until(both)


@case("2", "a key belongs to who sends it: a client, the operator and an agent of one name have one each")
async def keys_of_namesakes(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        path = stage.path("vault", key, "call", "note")

        async def note(token: str | None) -> httpx.Response:
            return await http.post(path, json={"args": ["x"]}, headers=_as(token, **{"idempotency-key": "k"}))

        for _ in range(2):
            assert (await note("user:admin")).json() == {"result": ["client", "admin"]}
            assert (await note(stage.harness.admin_token)).json() == {"result": ["operator", "admin"]}
            assert (await note(None)).json() == {"result": ["nobody"]}
    assert await _lines(stage, key) == ["x client/admin", "x operator/admin", "x nobody"], "a key was shared"


@case("23", "a connection and a letter keep their caller's source, also through a hibernation")
async def source_is_kept(stage: Stage) -> None:
    key = stage.key()
    operator = {"authorization": f"Bearer {stage.harness.admin_token}"}
    async with (
        stage.agent("vault", key) as vault,
        talk(stage, "vault", key, token="user:admin") as client,
        talk(stage, "vault", key, headers=operator) as admin,
    ):
        await admin.result("who")
        await client.result("who")
        await stage.evict("vault", key)
        assert sorted(await vault.call("inside")) == [["client", "admin"], ["operator", "admin"]]
        await stage.evict("vault", key)
        await client.send("hello")
        assert await client.result("who") == ["client", "admin"]
        await stage.evict("vault", key)
        assert await admin.result("who") == ["operator", "admin"]
        await vault.tell("note", "told", lane="urgent", delay=0.1)
        await stage.evict("vault", key)

        async def told() -> bool:
            return await _lines(stage, key) == ["message 'hello' client/admin", "told operator/admin"]

        await stage.until(told)


@case("http", "the auth hook is told what is asked for, and may refuse just that")
async def hook_sees_the_operation(stage: Stage) -> None:
    key = stage.key()
    routes = {
        "call:note": ("POST", stage.path("vault", key, "call", "note")),
        "tell:note": ("POST", stage.path("vault", key, "tell", "note")),
        "status": ("GET", stage.path("vault", key)),
        "state": ("GET", stage.path("vault", key, "state")),
        "events": ("GET", stage.path("vault", key, "events")),
        "request": ("GET", f"/agents/page/{quote(key)}"),
    }
    async with stage.http() as http:
        for operation, (method, path) in routes.items():
            problem = problem_of(
                await http.request(method, path, headers=_as(f"user:ann;deny={operation}")), 403, "denied"
            )
            assert problem["detail"] == f"not this: {method} {operation}", problem
        await absent(stage, "vault", key)
        answer = await http.post(routes["call:note"][1], json={"args": ["x"]}, headers=_as("user:ann;deny=call:who"))
        assert answer.status_code == 200, answer.text
    async with talk(stage, "vault", key, greeted=False, token="user:ann;deny=connect") as ws:
        await ws.refused(403, "denied")


@case("http", "an auth hook that returns None refuses, and says how to let in callers without a name")
async def none_is_a_refusal(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        for method, rest in (("POST", ("call", "who")), ("POST", ("tell", "who")), ("GET", ("state",)), ("GET", ())):
            answer = await http.request(method, stage.path("vault", key, *rest), headers=_as("mute"))
            assert "ANONYMOUS" in problem_of(answer, 401, "unauthorized")["detail"], answer.text
        assert (await http.post(stage.path("vault", key, "call", "who"))).json() == {"result": ["nobody"]}
    async with talk(stage, "vault", stage.key(), greeted=False, token="mute") as ws:
        await ws.refused(401, "unauthorized")


@case("26", "credentials that have expired are refused; those that expire end their connection, and no frame goes")
async def connection_ends_when_its_caller_expires(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        late = await http.post(stage.path("vault", key, "call", "who"), headers=_as("user:ann;for=-1"))
        problem_of(late, 401, "expired")
    async with talk(stage, "vault", key, greeted=False, token="user:ann;for=-1") as ws:
        await ws.refused(401, "expired")
    seconds = 4.0  # enough for a slow backend to greet, and to answer once
    async with (
        stage.agent("vault", key) as vault,
        talk(stage, "vault", key, token="user:bob") as stays,
        talk(stage, "vault", key, token=f"user:ann;for={seconds}") as ws,
    ):
        assert (await ws.result("who"))[:2] == ["client", "ann"]

        async def over() -> bool:
            return len(await vault.call("inside")) == 1 or await _rung(vault)

        await stage.until(over, within=seconds + 20)
        await ws.refused(401, "expired")
        await vault.call("ring", "after")
        assert "after" in [f["rings"] for f in await _all(stays)], "another connection ended too"


async def _rung(vault: Any) -> bool:
    """Where no timer ends it the next frame that would go does."""
    await vault.call("ring", "on")
    return False


async def _all(ws: Any) -> list[Any]:
    found: list[Any] = await ws.own()
    while found[-1]["rings"] != "after":
        found += await ws.own()
    return found


@case("http", "the operator closes the connections of a client by its principal, and nobody else's")
async def operator_closes_connections(stage: Stage) -> None:
    key = stage.key()
    operator = {"authorization": f"Bearer {stage.harness.admin_token}"}
    async with (
        stage.http(admin=True) as http,
        talk(stage, "vault", key, token="user:admin") as one,
        talk(stage, "vault", key, token="user:admin") as two,
        talk(stage, "vault", key, token="user:bob") as bob,
        talk(stage, "vault", key, headers=operator) as admin,
    ):
        for ws in (one, two, bob, admin):
            await ws.result("who")
        path = stage.path("vault", key, "disconnect")
        problem_of(await http.post(path, json={"principal": ""}), 422, "bad-body")
        problem_of(await http.post(path, json={"principal": "bob"}, headers=_as("user:bob")), 401, "unauthorized")
        assert (await http.post(path, json={"principal": "nobody"})).json() == {"closed": 0}
        assert (await http.post(path, json={"principal": "admin"})).json() == {"closed": 2}
        for ws in (one, two):
            await ws.refused(403, "closed")
        assert await bob.result("who") == ["client", "bob"] and await admin.result("who") == ["operator", "admin"]
