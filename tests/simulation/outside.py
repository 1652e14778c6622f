"""The world outside: the port `Fetch`, which answers, fails, or takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import httpx

from .history import History


class Outside:
    """Every re-run of one effect must send the same key, and no other effect that key."""

    def __init__(self, history: History, rng: Random) -> None:
        self._history = history
        self._rng = rng
        self.on = True
        self.keys: dict[str, str] = {}
        """Idempotency key -> op."""

    def client(self, idempotency_key: Callable[[], str | None], deadline: float) -> httpx.AsyncClient:
        async def keyed(request: httpx.Request) -> None:
            key = idempotency_key()
            if key is not None:
                request.headers["idempotency-key"] = key

        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), event_hooks={"request": [keyed]})

    async def _answer(self, request: httpx.Request) -> httpx.Response:
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
