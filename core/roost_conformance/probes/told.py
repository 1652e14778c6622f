"""The case's side of an `inquirer` agent: its jobs and their questions over HTTP, as whoever asks."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx

from roost_client import Client

from ..stage import Stage
from .committed import committed
from .jobs import Jobs

ANN = "user:ann"


class Told(Jobs):
    """Of one fresh agent. `who`: a token, by default the operator's."""

    def __init__(self, stage: Stage, client: Client) -> None:
        super().__init__(stage, client)
        self.agent = client.agent("inquirer", stage.key())

    async def http(
        self, method: str, *rest: str, who: str | None = None, key: str | None = None, value: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """(status, document) of a request below the agent's path."""
        token = self._stage.harness.admin_token if who is None else who
        headers = {"authorization": f"Bearer {token}"} | ({} if key is None else {"idempotency-key": key})
        body = None if method == "GET" else {"value": value} if rest[-2] in ("questions", "signals") else {}
        path = self._stage.path("inquirer", self.agent.address.key, *rest)
        async with self._stage.http() as http:
            answer = await http.request(method, path, headers=headers, json=body)
        return answer.status_code, answer.json()

    async def begin_as(self, who: str, name: str, *args: Any) -> str:
        """Begun by whoever this token is."""
        async with self._stage.http() as http:
            path = self._stage.path("inquirer", self.agent.address.key, "call", "begin")
            headers = {"authorization": f"Bearer {who}"}
            answer = await http.post(path, headers=headers, json={"args": [name, list(args)]})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["result"])

    async def question(self, id: str) -> dict[str, Any]:
        """The first open question of a job."""

        async def probe() -> dict[str, Any] | None:
            with suppress(httpx.TransportError):
                status, found = await self.http("GET", "questions")
                if status == 200:
                    return next((q for q in found["questions"] if q["job"] == id), None)
            return None

        found: dict[str, Any] = await self._stage.until(probe)
        return found

    async def standing(self, id: str, status: str) -> dict[str, Any]:
        """The job once it stands so."""

        async def probe() -> dict[str, Any] | None:
            found = (await self.http("GET", "jobs", id))[1]
            return found if found.get("status") == status else None

        found: dict[str, Any] = await self._stage.until(probe)
        return found

    async def total(self) -> int:
        state = await committed(self.agent)
        return 0 if state is None else int(state["total"])
