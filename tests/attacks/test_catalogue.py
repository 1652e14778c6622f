"""`roost conformance URL --security`: its attacks fail against a real server, and succeed against one that is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from roost_conformance.report import text
from roost_conformance.security.attack import catalogue
from roost_conformance.security.suite import attack_all
from roost_conformance.security.target import Target, look
from tests.local.server import TOKEN

pytestmark = pytest.mark.anyio
SAID: Final[dict[str, Any]] = {
    "backend": "open",
    "version": "0",
    "restless": False,
    "capabilities": {},
    "kinds": ["counter"],
}
FRAMES: Final = (b'{"type":"cf_agent_identity"}', b'{"type":"cf_agent_mcp_servers"}')
HARMLESS: Final = {"requests-do-not-hide-in-one-another"}
"""Shown by what ran, and nothing runs there."""


def quiet(line: str) -> None:
    """Nobody reads along."""


async def test_a_server_withstands_all_of_them(url: str) -> None:
    target = await look(url, TOKEN)
    found = await attack_all(target, url, say=quiet)
    bad = [f"{case.name}\n{one.trace}" for case in found.cases for one in case.modes.values() if one.trace]
    assert not bad, "\n".join(bad)
    assert found.count("passed") == len(catalogue()) and "Roost security: local at" in text(found)
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as http:
        listed = (await http.get(f"{url}/v1/agents?limit=1000")).json()["agents"]
    assert not [one for one in listed if one["key"].startswith("attack-")], "an attack left an agent behind"


@pytest.fixture
async def willing() -> AsyncIterator[str]:
    """The URL of a server that does and tells all that it is asked for."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                for frame in FRAMES:
                    writer.write(bytes([0x81, len(frame)]) + frame)
            else:
                body = json.dumps(
                    {"result": 1, "agents": [], "token": "x", "heard": head.decode("latin-1"), "at": "/var/task/x.py"},
                    ensure_ascii=False,
                ).encode() + bytes(range(9))
                fields = (
                    f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\naccess-control-allow-origin: *\r\n"
                    "access-control-allow-methods: *\r\nx-evil: 1\r\nserver: open\r\n\r\n"
                )
                writer.write(fields.encode() + body)
            await writer.drain()
            writer.write_eof()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 24)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_each_of_them_can_succeed(willing: str) -> None:
    target = Target(willing, SAID, "/v1/agents/counter/{key}/call/add", "", None)
    found = await attack_all(target, willing, say=quiet)
    assert {case.name for case in found.cases if case.modes["resident"].outcome == "passed"} <= HARMLESS
