"""A job of one agent, from outside: how it is, its result, its end."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast
from urllib.parse import quote

from roost.contract.address import Address
from roost.contract.errors import from_problem

from .faults import bad_answer
from .http import Http
from .job_stream import Said, follow_stream
from .portal import Portal
from .wire import action_path, encode

Document = dict[str, Any]
WAIT = 20
"""Seconds of one request that waits for an end."""


class Job:
    """Costs nothing to make. `id`: what `start` gave, or the key of one that lives."""

    def __init__(self, address: Address, id: str, http: Http) -> None:
        self.address = address
        self.id = id
        self._http = http
        if not id:
            raise ValueError("a job has an id: what `start` gave")

    @property
    def _path(self) -> str:
        return action_path(self.address, "jobs", self.id)

    def __repr__(self) -> str:
        return f"Job({str(self.address)!r}, {self.id!r})"

    async def status(self, wait: int = 0, *, steps: bool = False) -> Document:
        """id, key, name, `status` (running, waiting, held, ending, ended), times; `value` or `error` of one that ended.

        `wait`: up to so many seconds (20 at most) for its end. `steps`: with what its journal says, without values.
        NotFound `no-job`: it is not there, or not for you.
        """
        asked = "&".join([*([f"wait={wait}"] if wait else ()), *(["steps=true"] if steps else ())])
        found = await self._http.fetch("GET", f"{self._path}?{asked}" if asked else self._path)
        if not isinstance(found, dict) or "status" not in found:
            raise bad_answer(f"{self._path}: the answer is no job")
        return cast(Document, found)

    async def result(self, timeout: float | None = None) -> Any:
        """What it returned, once it has ended. Raises what it raised; TimeoutError after `timeout` seconds."""
        edge = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT if edge is None else edge - time.monotonic()
            found = await self.status(max(0, min(WAIT, int(left))))
            if found["status"] == "ended":
                if "error" in found:
                    raise from_problem(found["error"])
                return found.get("value")
            self.id = str(found["id"])  # a key names another one once it has ended
            if edge is not None and time.monotonic() >= edge:
                raise TimeoutError(f"{self!r} has not ended after {timeout} s: it goes on")

    async def cancel(self, *, idempotency_key: str | None = None) -> None:
        """Have it cancelled. Rejected 409 `job-ended`: it has ended."""
        await self._http.fetch("POST", f"{self._path}/cancel", key=self._http.retries.key(idempotency_key))

    async def signal(self, name: str, value: Any = None, *, idempotency_key: str | None = None) -> None:
        """Tell it something: `run.wait(name)` gets it, once under its key. Rejected 409 `job-ended`."""
        path, key = f"{self._path}/signals/{quote(name, safe='')}", self._http.retries.key(idempotency_key)
        await self._http.fetch("POST", path, body=encode({"value": value}), key=key)

    def stream(self, name: str = "default", *, after: str = "") -> AsyncGenerator[Said, None]:
        """What its steps emit in a stream, from a cursor on: items, resets, gaps; then `end`, and it is over.

        It reconnects by itself, where it was. `said_items` makes of them what the stream says.
        """
        path = f"{action_path(self.address, 'streams', self.id)}/{quote(name, safe='')}"
        return follow_stream(self._http, path, after)

    async def streams(self) -> list[str]:
        """Names of the streams of which something is kept."""
        path = action_path(self.address, "streams", self.id)
        found = await self._http.fetch("GET", path)
        try:
            return [str(one["name"]) for one in found["streams"]]
        except (TypeError, KeyError):
            raise bad_answer(f"{path}: the answer holds no streams") from None

    async def hold(self) -> None:
        """Operators: it begins no step until `resume`."""
        await self._http.fetch("POST", f"{self._path}/hold")

    async def resume(self) -> None:
        """Operators: it goes on."""
        await self._http.fetch("POST", f"{self._path}/resume")

    async def restart(self) -> None:
        """Operators: its journal is dropped, and it begins anew with its arguments. What it did is done.

        Rejected 409 `job-ended`; `job-running`: it is being carried out.
        """
        await self._http.fetch("POST", f"{self._path}/restart")


class SyncJob:
    """`Job`, blocking."""

    def __init__(self, job: Job, portal: Portal) -> None:
        self._job = job
        self._portal = portal

    def __repr__(self) -> str:
        return f"Sync{self._job!r}"

    @property
    def id(self) -> str:
        return self._job.id

    def status(self, wait: int = 0, *, steps: bool = False) -> Document:
        """`Job.status`."""
        return self._portal.run(lambda: self._job.status(wait, steps=steps))

    def result(self, timeout: float | None = None) -> Any:
        """`Job.result`."""
        return self._portal.run(lambda: self._job.result(timeout))

    def cancel(self, *, idempotency_key: str | None = None) -> None:
        """`Job.cancel`."""
        self._portal.run(lambda: self._job.cancel(idempotency_key=idempotency_key))

    def signal(self, name: str, value: Any = None, *, idempotency_key: str | None = None) -> None:
        """`Job.signal`."""
        self._portal.run(lambda: self._job.signal(name, value, idempotency_key=idempotency_key))

    def stream(self, name: str = "default", *, after: str = "") -> Iterator[Said]:
        """`Job.stream`."""
        return self._portal.iterate(self._job.stream(name, after=after))

    def streams(self) -> list[str]:
        """`Job.streams`."""
        return self._portal.run(self._job.streams)

    def hold(self) -> None:
        """`Job.hold`."""
        self._portal.run(self._job.hold)

    def resume(self) -> None:
        """`Job.resume`."""
        self._portal.run(self._job.resume)

    def restart(self) -> None:
        """`Job.restart`."""
        self._portal.run(self._job.restart)
