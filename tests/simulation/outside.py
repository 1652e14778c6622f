"""The world outside: the port `Fetch`, which answers, fails, or takes its time."""

from __future__ import annotations

import asyncio
from random import Random

import httpx

from roost.fetch import Outbound
from roost_http.fetch import client

from .history import History


class Outside:
    """Every re-run of one effect must send the same key, and no other effect that key."""

    def __init__(self, history: History, rng: Random) -> None:
        self._history = history
        self._rng = rng
        self.on = True
        self.keys: dict[str, str] = {}
        """Idempotency key -> op."""

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        return client(self._answer, outbound, None)

    async def _answer(self, request: httpx.Request, left: float) -> httpx.Response:
        op = request.url.path.strip("/")
        key = request.headers.get("idempotency-key")
        self._history.note("fetch", f"{op} {key}")
        if key is not None and self.keys.setdefault(key, op) != op:
            self._history.broken("fetch-key", f"the key {key} was used by {self.keys[key]} and {op}")
        x = self._rng.random() if self.on else 1.0
        if x < 0.15:
            self._history.note("fault:fetch:fail", op)
            raise httpx.ConnectError("injected")
        if x < 0.3:
            self._history.note("fault:fetch:delay", op)
            await asyncio.sleep(self._rng.random() * 30)
        return httpx.Response(200 if x > 0.4 else 503)
