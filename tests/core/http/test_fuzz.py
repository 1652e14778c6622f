"""Random bodies, paths and headers: refused or answered, never a fault of ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .rig import ADMIN, Rig, rig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.fixed_dictionaries({}, optional={"args": st.lists(JSON, max_size=3), "kwargs": st.dictionaries(
    st.sampled_from(["by", "value", "more", "item", "count", "data", "kind", "a"]), JSON, max_size=3
)})  # fmt: skip
TELL = st.fixed_dictionaries({}, optional={
    "args": JSON, "kwargs": JSON, "lane": JSON | st.sampled_from(["urgent", "standard"]), "delay": JSON,
})  # fmt: skip
ACTIONS = st.sampled_from(
    ["increment", "get", "echo", "buy", "positional", "mixed", "many", "note", "trickle", "missing"]
)


def send(*requests: httpx.Request) -> None:
    """Send them to a fresh world; AssertionError when one is answered by a fault."""

    async def run() -> None:
        async with rig() as r:
            for request in requests:
                await check(r, request)

    asyncio.run(run())


async def check(r: Rig, request: httpx.Request) -> None:
    answer = await r.http.send(request)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    await r.world.settle()


def post(path: str, body: bytes, **headers: str) -> httpx.Request:
    return httpx.Request("POST", f"http://roost.test{path}", content=body, headers=headers)


def encode(doc: Any) -> bytes:
    return json.dumps(doc, ensure_ascii=True).encode()


@settings(max_examples=150)
@given(ACTIONS, st.lists(JSON | ARGUMENTS, min_size=1, max_size=5), st.sampled_from(["*/*", "text/event-stream"]))
def test_calls(action: str, docs: list[Any], accept: str) -> None:
    path = f"/v1/agents/counter/a/call/{action}"
    send(*(post(path, encode(doc), accept=accept) for doc in docs))


@settings(max_examples=100)
@given(ACTIONS, st.lists(JSON | ARGUMENTS | TELL, min_size=1, max_size=5))
def test_tells(action: str, docs: list[Any]) -> None:
    send(*(post(f"/v1/agents/counter/a/tell/{action}", encode(doc)) for doc in docs))


@settings(max_examples=100)
@given(st.binary(max_size=64), st.sampled_from(["call/echo", "tell/echo"]))
def test_bytes(body: bytes, rest: str) -> None:
    send(post(f"/v1/agents/counter/a/{rest}", body), post(f"/v1/agents/counter/a/{rest}", b'{"args":[' + body + b"]}"))


@settings(max_examples=100)
@given(st.binary(max_size=40), st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]))
def test_paths(tail: bytes, method: str) -> None:
    async def run() -> None:
        async with rig() as r:
            for head in (
                b"/",
                b"/agents/",
                b"/agents/counter/",
                b"/v1/agents/counter/a/",
                b"/v1/agents/",
                b"/v1/agents?",
            ):
                raw = head + tail
                path, _, query = raw.partition(b"?")
                messages: list[Any] = []
                scope = {
                    "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path,
                    "query_string": query, "headers": [(k.encode(), v.encode()) for k, v in ADMIN.items()],
                }  # fmt: skip

                async def receive() -> Any:
                    return {"type": "http.request", "body": b"", "more_body": False}

                async def reply(message: Any, messages: list[Any] = messages) -> None:
                    messages.append(message)

                await r.surface(scope, receive, reply)
                assert messages[0]["status"] < 500
                assert not messages[-1].get("more_body")

    asyncio.run(run())


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["idempotency-key", "roost-timeout", "content-type", "accept", "origin", "content-length",
                         "authorization", "last-event-id"]),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=20),
    )
)  # fmt: skip
def test_headers(headers: dict[str, str]) -> None:
    async def run() -> None:
        async with rig() as r:
            for path, method in (
                ("call/increment", "POST"),
                ("tell/increment", "POST"),
                ("events?follow=false", "GET"),
            ):
                raw = [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
                request = httpx.Request(method, f"http://roost.test/v1/agents/counter/a/{path}", headers=raw)
                answer = await r.http.send(request)
                assert answer.status_code < 500 or "roost-timeout" in headers, answer.text

    asyncio.run(run())


@pytest.mark.parametrize(
    "body", [b'{"args":[1e400]}', b'{"args":[' + b"9" * 4400 + b"]}", b'{"args":[' + b"9" * 4200 + b"]}"]
)
def test_numbers_at_the_edge(body: bytes) -> None:
    paths = ("call/echo", "tell/echo", "call/increment", "call/positional")
    send(*(post(f"/v1/agents/counter/a/{rest}", body) for rest in paths))
