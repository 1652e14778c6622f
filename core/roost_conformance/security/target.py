"""What an attack gets: a deployment, of any app, and an agent of it that must not come to be."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from roost import __version__
from roost.contract.errors import Rejected, RoostError, TransientError
from roost.contract.hosts import is_loopback_name

from . import wire
from .wire import Answer, request

JSON: Final = "Content-Type: application/json"
FOE: Final = "https://foe.example"
TOKEN: Final = "attack-token-that-is-nobodys"
"""What is sent where a token belongs; no answer may hold it."""
_numbers = itertools.count(1)
_RUN: Final = secrets.token_hex(3)


class Target:
    """`said`: its GET /v1/capabilities. `token`: an operator's, to look whether an agent came to be; "" = unknown.
    `base_path`: where WebSockets come in, if at one URL."""

    def __init__(self, url: str, said: Mapping[str, Any], call: str | None, token: str, base_path: str | None) -> None:
        self.url = url
        self.host = urlsplit(url).netloc
        self.said = said
        self.kind = (call or "").split("/")[3] if call else str(said["kinds"][0])
        self._action = call.rpartition("/")[2] if call else "none"
        self._token = token
        self._base_path = base_path
        self.key = f"attack-{_RUN}-{next(_numbers)}"

    @property
    def loopback(self) -> bool:
        return is_loopback_name(urlsplit(self.url).hostname or "")

    @property
    def agent(self) -> str:
        """The path of the agent that must not come to be."""
        return f"/v1/agents/{quote(self.kind)}/{self.key}"

    @property
    def call(self) -> str:
        return f"{self.agent}/call/{self._action}"

    @property
    def tell(self) -> str:
        return f"{self.agent}/tell/{self._action}"

    @property
    def mounted(self) -> str:
        """Of the agent's own HTTP."""
        return f"/agents/{quote(self.kind)}/{self.key}"

    def socket(self, kind: str | None = None, key: str | None = None, query: str = "") -> str:
        """The path of a handshake."""
        kind, key = quote(kind or self.kind, safe=""), quote(key or self.key, safe="")
        if self._base_path is not None:
            return f"/{self._base_path}?agent={kind}&name={key}" + (f"&{query}" if query else "")
        return f"/agents/{kind}/{key}" + (f"?{query}" if query else "")

    async def ask(self, line: str, *headers: str, body: bytes = b"", host: str | None = None) -> Answer:
        """A request with the right Host, unless another is given ("" = none)."""
        named = () if host == "" else (f"Host: {host or self.host}",)
        return await wire.ask(self.url, request(line, *named, *headers, "Connection: close", body=body))

    async def raw(self, data: bytes) -> Answer:
        return await wire.ask(self.url, data)

    async def open(self, path: str, *headers: str, host: str | None = None, then: bytes = b"") -> Answer:
        """A handshake."""
        return await wire.open_socket(self.url, path, f"Host: {host or self.host}", *headers, then=then)

    async def lives(self) -> None:
        answer = await self.ask("GET /healthz")
        assert answer.status == 200, f"it does not answer any more: {answer}"

    async def absent(self, key: str | None = None) -> None:
        """Nothing ran: the agent does not exist."""
        path = self.agent if key is None else f"/v1/agents/{quote(self.kind)}/{key}"
        given = (f"Authorization: Bearer {self._token}",) if self._token else ()
        answer = await self.ask(f"GET {path}", *given)
        for _ in range(3):
            if answer.status != 429:
                break
            await asyncio.sleep(min(60.0, float(answer.headers.get("retry-after", "1"))))
            answer = await self.ask(f"GET {path}", *given)
        assert answer.status in (401, 403, 404), f"an agent came to be: {answer}"

    def fresh(self) -> Target:
        """The same for another attack."""
        call = f"/v1/agents/{self.kind}/x/call/{self._action}" if self._action != "none" else None
        return Target(self.url, self.said, call, self._token, self._base_path)


async def look(url: str, token: str = "", *, base_path: str | None = None) -> Target:
    """The deployment at `url`, ready to be attacked. RoostError `bad-url`, `unreachable`, `not-roost`."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise Rejected(f"{url!r} is no http:// or https:// URL", code="bad-url")
    url = f"{parts.scheme}://{parts.netloc}"
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        try:
            said = (await client.get("/v1/capabilities")).json()
            described = (await client.get("/openapi.json")).json()
            kinds, backend, version = said["kinds"], said["backend"], said["version"]
        except httpx.HTTPError as error:
            raise TransientError(
                f"nothing answers at {url}: {str(error) or type(error).__name__}", code="unreachable"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Rejected(f"{url} serves no Roost of today", code="not-roost") from error
    if not kinds:
        raise RoostError(f"{url} has no agents to try", code="not-roost")
    paths: Mapping[str, Any] = described.get("paths", {})
    calls = [path for path in paths if path.startswith("/v1/agents/") and "/call/" in path]
    return Target(url, {**said, "backend": backend, "version": version or __version__}, min(calls, default=None), token,
                  base_path)  # fmt: skip
