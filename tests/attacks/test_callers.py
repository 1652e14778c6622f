"""Who is calling: a client that takes another's name, forges a source, or outlives its credentials."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx
import pytest
from pydantic_core import from_json, to_json

from roost import ANONYMOUS, Agent, App, Caller, Connection, Credentials, action
from roost.contract.caller import caller_of, document, from_document, lapses, stored
from roost.contract.trigger import CallerSource
from roost.testing import World, world
from roost.testing.peer import Peer
from roost_http import Surface

pytestmark = pytest.mark.anyio
TOKEN = "operator-token"
SOURCES: tuple[CallerSource, ...] = ("client", "agent", "operator", "app")


class Guarded(Agent):
    @action
    async def who(self) -> list[str]:
        return [] if self.caller is None else [self.caller.source, self.caller.principal]

    @action(by="agent")
    async def agents(self) -> str:
        return "done"

    @action(roles=("admin",))
    async def admins(self) -> str:
        return "done"

    @action
    async def shout(self) -> None:
        self.broadcast("loud")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        connection.send(f"heard {message!r}")


async def _hook(credentials: Credentials) -> Caller | None:
    """The token is the JSON of what the hook returns: an auth hook that is as careless as can be."""
    token = credentials.bearer
    if token is None:
        return ANONYMOUS
    given: Any = from_json(token)
    return cast(
        Caller,
        Caller(**given)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(given, dict) and "principal" in given
        else given,
    )


def _client(w: World) -> httpx.AsyncClient:
    surface = Surface(w.app, w.backend.runtime, admin_token=TOKEN)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, surface)), base_url="http://127.0.0.1")


async def _call(http: httpx.AsyncClient, name: str, token: Any, **headers: str) -> httpx.Response:
    given = {**headers, "authorization": f"Bearer {to_json(token).decode()}"}
    return await http.post(f"/v1/agents/guarded/g/call/{name}", headers=given)


@pytest.mark.parametrize("name", ["guarded/g", "guarded/other", "admin", "app", "operator", "agent", "\u0000", "a/b/c"])
@pytest.mark.parametrize("source", SOURCES)
async def test_no_name_and_no_source_makes_a_client_something_else(name: str, source: str) -> None:
    async with world(App([Guarded], auth=_hook)) as w, _client(w) as http:
        token = {"principal": name, "source": source, "claims": {"source": "agent", "": {"source": "agent"}}}
        assert (await _call(http, "who", token)).json() == {"result": ["client", name]}
        for route in ("call", "tell"):
            answer = await http.post(
                f"/v1/agents/guarded/g/{route}/agents", headers={"authorization": f"Bearer {to_json(token).decode()}"}
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
        for method, rest in (("GET", "/dead-letters"), ("GET", "/export"), ("DELETE", ""), ("POST", "/disconnect")):
            answer = await http.request(
                method, f"/v1/agents/guarded/g{rest}", headers={"authorization": f"Bearer {to_json(token).decode()}"}
            )
            assert answer.status_code == 401, (method, rest, answer.text)


@pytest.mark.parametrize(
    "claims", [{}, {"a": 1}, {"": 1}, {"": {"source": "operator", "principal": "admin", "roles": ["admin"]}}]
)
async def test_claims_that_look_like_a_stored_caller_are_only_claims(claims: dict[str, Any]) -> None:
    forged = Caller("ann", claims)
    assert caller_of("ann", stored(forged)) == forged
    assert from_document(document(forged)) == forged
    assert lapses(stored(forged)) is None


@pytest.mark.parametrize("source", SOURCES)
async def test_a_stored_caller_is_read_back(source: CallerSource) -> None:
    for one in (
        Caller("x", {"a": [1]}, source), Caller("x", {}, source, 5.0), Caller("x", {}, source, None, ("a", "b")),
        Caller("x", {"": 1}, source, 7.5, ("",)),
    ):  # fmt: skip
        assert caller_of("x", stored(one)) == one
        assert from_document(from_json(to_json(document(one)))) == one
        assert lapses(stored(one)) == one.expires


async def test_what_was_stored_before_callers_had_a_source_is_a_client() -> None:
    assert caller_of("ann", None) == Caller("ann")
    assert caller_of("ann", b'{"a":1}') == Caller("ann", {"a": 1})
    assert caller_of(None, None) is None
    assert from_document({"principal": "ann", "claims": {"a": 1}, "label": "x", "ready": True}) == Caller(
        "ann", {"a": 1}
    )


@pytest.mark.parametrize("given", [True, "admin", 1, ["admin"], {}])
async def test_what_a_hook_returns_must_be_a_caller(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with world(App([Guarded], auth=_hook)) as w, _client(w) as http:
        answer = await _call(http, "who", given)
        assert (answer.status_code, answer.json()["code"]) == (500, "agent-error")
        assert "must return a Caller or ANONYMOUS" in caplog.text


async def test_roles_as_one_text_are_not_letters(caplog: pytest.LogCaptureFixture) -> None:
    async with world(App([Guarded], auth=_hook)) as w, _client(w) as http:
        answer = await _call(http, "admins", {"principal": "ann", "roles": "admin"})
        assert answer.status_code == 500 and "roles are a tuple" in caplog.text
        assert (await _call(http, "admins", {"principal": "ann", "roles": ["a", "d"]})).status_code == 403
        assert (await _call(http, "admins", {"principal": "ann", "roles": ["admin"]})).status_code == 200


async def test_a_hook_that_returns_none_says_once_what_to_change(caplog: pytest.LogCaptureFixture) -> None:
    async with world(App([Guarded], auth=_hook)) as w, _client(w) as http:
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                answer = await _call(http, "who", None)
                assert answer.status_code == 401 and "ANONYMOUS" in answer.json()["detail"]
        assert caplog.text.count("ANONYMOUS") == 1
        assert (await http.post("/v1/agents/guarded/g/call/who")).json() == {"result": []}


async def test_a_kept_outcome_is_not_for_namesakes() -> None:
    async with world(App([Guarded], auth=_hook)) as w, _client(w) as http:
        mine = {"principal": "ann", "roles": ["admin"]}
        assert (await _call(http, "admins", mine, **{"idempotency-key": "k"})).status_code == 200
        for token in ({"principal": "ann"}, {"principal": "ann", "roles": ["guest"]}):
            assert (await _call(http, "admins", token, **{"idempotency-key": "k"})).status_code == 403


@pytest.fixture
async def w() -> AsyncGenerator[World]:
    async with world(App([Guarded])) as one:
        yield one


def _send(peer: Peer, *frames: Any) -> None:
    assert peer.session is not None
    for frame in frames:
        peer.session.text(to_json(frame).decode())


async def test_a_socket_ends_when_its_caller_expires(w: World) -> None:
    now = w.host.now()
    ann = await w.connect(Guarded, "g", caller=Caller("ann", {}, "client", now + 600))
    bob = await w.connect(Guarded, "g", caller=Caller("bob"))
    await w.advance(seconds=599)
    assert ann.closed is None
    await w.advance(seconds=2)
    assert ann.closed is not None and ann.closed[0] == 4401 and bob.closed is None
    _send(ann, {"type": "rpc", "id": "1", "method": "who", "args": []}, {"hello": 1})
    await w.agent(Guarded, "g").shout()
    await w.settle()
    assert not ann.messages("rpc") and "loud" not in str(ann.frames), "a frame went over a connection that is over"


async def test_no_frame_goes_to_a_caller_whose_time_is_over_where_no_timer_ends_it(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roost.sockets.protocol.Session.timed", False)
    now = w.host.now()
    ann = await w.connect(Guarded, "g", caller=Caller("ann", {}, "client", now + 600))
    bob = await w.connect(Guarded, "g", caller=Caller("bob", {}, "client", now + 600))
    cat = await w.connect(Guarded, "g", caller=Caller("cat"))
    await w.hibernate(Guarded, "g")
    await w.advance(seconds=601)
    assert ann.closed is None and bob.closed is None
    _send(ann, {"type": "rpc", "id": "1", "method": "who", "args": []})
    await w.settle()
    assert ann.closed is not None and ann.closed[0] == 4401
    await w.agent(Guarded, "g").shout()
    await w.settle()
    assert bob.closed is not None and bob.closed[0] == 4401 and cat.closed is None
    assert "loud" in str(cat.frames) and "loud" not in str(bob.frames) + str(ann.frames)


async def test_sources_are_named_when_an_action_asks_for_one_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"no.*source .*'admin'.*operator"):
        action(by=cast(Any, "admin"))
