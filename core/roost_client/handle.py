"""One agent, by address: its actions and everything the HTTP surface lets one do to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, cast
from urllib.parse import quote
from uuid import uuid4

from roost.contract.address import Address

from .connection import Connection
from .dial import Dial
from .events import Event, follow_events
from .faults import bad_answer
from .http import Http
from .job import Job
from .stream import Finish, Stream, call_stream
from .wire import action_path, agent_path, arguments, check_name, encode

Lane = Literal["standard", "urgent"]
Document = dict[str, Any]
"""A JSON object whose members the server defines."""


class Snapshot(NamedTuple):
    """A committed state and its version."""

    state: Any
    version: int


class Sockets(Protocol):
    """Makes dialers for agents."""

    def __call__(self, address: Address, label: str, query: Mapping[str, str] | None, /) -> Dial: ...


class AgentHandle:
    """Costs nothing to make and holds no connection of its own. Times are in seconds.

    `idempotency_key` makes a call or tell safe to repeat: the same key runs once, and answers the same. With
    `Client(retries=...)` each gets a key of its own and is repeated by the client.
    """

    def __init__(self, address: Address, http: Http, sockets: Sockets) -> None:
        self.address = check_name(address)
        self._http = http
        self._sockets = sockets
        self._path = f"/v1/agents/{agent_path(address)}"

    def __repr__(self) -> str:
        return f"AgentHandle({self.address.kind!r}, {self.address.key!r})"

    async def call(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call an action; its result as JSON has it. Raises the RoostError that was answered."""
        return await self.call_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)

    async def call_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """`call`, for arguments of any name."""
        path, body = action_path(self.address, "call", action), arguments(args, kwargs or {})
        key = self._http.retries.key(idempotency_key)
        doc = await self._http.fetch("POST", path, body=body, key=key, timeout=timeout)
        return _member(doc, "result", path)

    def stream(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Stream:
        """Chunks of a streaming action as they come; `timeout` bounds the wait for each."""
        return self.stream_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)

    def stream_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """`stream`, for arguments of any name."""
        path, body = action_path(self.address, "call", action), arguments(args, kwargs or {})
        key = self._http.retries.key(idempotency_key)

        def run(finish: Finish) -> AsyncGenerator[Any, None]:
            return call_stream(self._http, path, body, key, timeout, finish)

        return Stream(run)

    async def tell(
        self,
        action: str,
        /,
        *args: Any,
        lane: Lane = "standard",
        delay: float = 0.0,
        idempotency_key: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Have an action run, `delay` seconds from now, with retries; returns the trigger's id."""
        return await self.tell_with(action, args, kwargs, lane=lane, delay=delay, idempotency_key=idempotency_key)

    async def tell_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        lane: Lane = "standard",
        delay: float = 0.0,
        idempotency_key: str | None = None,
    ) -> str:
        """`tell`, for arguments of any name."""
        path = action_path(self.address, "tell", action)
        body = arguments(args, kwargs or {}, lane=lane, delay=delay)
        key = self._http.retries.key(idempotency_key)
        return str(_member(await self._http.fetch("POST", path, body=body, key=key), "id", path))

    async def start(
        self,
        job: str,
        /,
        *args: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        **kwargs: Any,
    ) -> Job:
        """Start a job, or find the live one of that `key`. Operators may, and whom the job names (`@job(by=)`)."""
        return await self.start_with(job, args, kwargs, key=key, idempotency_key=idempotency_key)

    async def start_with(
        self,
        job: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """`start`, for arguments of any name."""
        path = action_path(self.address, "start", job)
        body = arguments(args, kwargs or {}, **({} if key is None else {"key": key}))
        found = await self._http.fetch("POST", path, body=body, key=self._http.retries.key(idempotency_key))
        return self.job(str(_member(found, "id", path)))

    def job(self, id: str) -> Job:
        """A job by its id, or a live one by its key. Nothing is sent."""
        return Job(self.address, id, self._http)

    async def jobs(self, limit: int = 100) -> list[Document]:
        """The jobs that live, then at most `limit` that ended, as `Job.status` tells them."""
        path = f"{self._path}/jobs"
        doc = await self._http.fetch("GET", f"{path}?limit={limit}")
        return cast("list[Document]", list(_member(doc, "jobs", path)))

    async def state(self) -> Any:
        """The committed state."""
        return (await self.snapshot()).state

    async def snapshot(self) -> Snapshot:
        """The committed state with its version."""
        path = f"{self._path}/state"
        doc = await self._http.fetch("GET", path)
        return Snapshot(_member(doc, "state", path), int(_member(doc, "version", path)))

    async def status(self) -> Document:
        """Status, metrics, version, next wake."""
        return _object(await self._http.fetch("GET", self._path), self._path)

    def events(self, *, after: int = 0, kinds: Sequence[str] = (), follow: bool = True) -> AsyncGenerator[Event, None]:
        """The event log from number `after` on, for ever, or with `follow=False` up to now."""
        return follow_events(self._http, f"{self._path}/events", after=after, kinds=kinds, follow=follow)

    def connect(
        self,
        query: Mapping[str, str] | None = None,
        *,
        numbered: bool = True,
        listen: bool = True,
        label: str | None = None,
    ) -> Connection:
        """A WebSocket to the agent, for `async with`. `numbered` frames keep their order on every backend.

        `label` is what the agent sees as the connection's label; `listen=False` leaves out messages().
        """
        dial = self._sockets(self.address, label or uuid4().hex, query)
        return Connection(
            dial, numbered=numbered, listen=listen, retries=self._http.retries, timeout=self._http.timeout
        )

    async def questions(self) -> list[Document]:
        """Open questions of jobs that the caller may answer: `id`, `job`, `text`, `schema` of an answer, `expires`."""
        path = f"{self._path}/questions"
        return cast("list[Document]", list(_member(await self._http.fetch("GET", path), "questions", path)))

    async def answer(self, question: str, value: Any, *, idempotency_key: str | None = None) -> None:
        """Answer a question, by its id. Rejected 422 `bad-answer`, 409 `question-closed`: somebody else was first."""
        path, key = action_path(self.address, "questions", question), self._http.retries.key(idempotency_key)
        await self._http.fetch("POST", path, body=encode({"value": value}), key=key)

    async def dead_letters(self) -> list[Document]:
        """Triggers that failed for good."""
        path = f"{self._path}/dead-letters"
        doc = await self._http.fetch("GET", path)
        return cast("list[Document]", list(_member(doc, "dead_letters", path)))

    async def redrive(self, id: str | None = None) -> int:
        """Try one dead letter again, or all of them; how many that was."""
        path = f"{self._path}/dead-letters"
        doc = await self._http.fetch("POST", path, body=encode({} if id is None else {"id": id}))
        return int(_member(doc, "redriven", path))

    async def purge_dead_letters(self, id: str | None = None) -> int:
        """Admin: dead letters gone for good, one or all; how many."""
        return await self._purge(f"{self._path}/dead-letters", id)

    async def letters(self, after: int = 0, limit: int = 100) -> list[Document]:
        """Admin: what waits in the mailbox, in the order of arrival; `n` of the last is `after` of the next page."""
        path = f"{self._path}/letters"
        doc = await self._http.fetch("GET", f"{path}?after={after}&limit={limit}")
        return cast("list[Document]", list(_member(doc, "letters", path)))

    async def purge_letters(self, id: str | None = None) -> int:
        """Admin: what waits goes, unrun, one letter or all; how many. Ask again until none is left."""
        return await self._purge(f"{self._path}/letters", id)

    async def _purge(self, path: str, id: str | None) -> int:
        asked = path if id is None else f"{path}?id={quote(id, safe='')}"
        return int(_member(await self._http.fetch("DELETE", asked), "purged", path))

    async def hibernate(self) -> None:
        """Admin: put the agent to sleep; its memory goes, its state stays."""
        await self._http.fetch("POST", f"{self._path}/hibernate")

    async def migrate(self) -> None:
        """Admin: bring a quarantined agent's state to the present schema."""
        await self._http.fetch("POST", f"{self._path}/migrate")

    async def reset(self) -> None:
        """Admin: give a quarantined agent a first state."""
        await self._http.fetch("POST", f"{self._path}/reset")

    async def destroy(self, exported: Mapping[str, Any] | None = None) -> None:
        """Admin: end the agent. A later call starts a fresh one.

        `exported`: what `export` gave; then only if nothing was committed, arrived, or was told to a job since.
        Rejected `changed`: export it again.
        """
        await self._http.fetch("DELETE", self._path if exported is None else f"{self._path}?{self._seen(exported)}")

    def _seen(self, exported: Mapping[str, Any]) -> str:
        """What the agent is like according to its export. ValueError: it is none, or another agent's."""
        whose = Address(str(exported.get("kind")), str(exported.get("key")))
        version, letters = exported.get("version"), exported.get("letters", [])
        if whose != self.address or type(version) is not int or type(letters) is not list:
            raise ValueError(f"this is no export of {self.address}, but of {whose}")
        waiting = len(exported.get("letters", ()))
        jobs = ",".join(f"{x['id']}:{x['claim']}:{x['bell']}" for x in exported.get("jobs", ()))
        return f"version={version}&letters={waiting}" + (f"&jobs={jobs}" if jobs else "")

    async def export(self) -> Document:
        """Admin: everything of the agent in a portable, checksummed document."""
        path = f"{self._path}/export"
        return _object(await self._http.fetch("GET", path), path)

    async def restore(self, doc: Mapping[str, Any], *, unsigned: bool = False) -> None:
        """Admin: make this agent from an exported document. It must not exist.

        `unsigned`: it is taken whoever signed it, or nobody.
        """
        query = "?unsigned=true" if unsigned else ""
        await self._http.fetch("PUT", f"{self._path}/export{query}", body=encode(dict(doc)))


def _object(doc: Any, path: str) -> Document:
    if not isinstance(doc, dict):
        raise bad_answer(f"{path}: the answer is no JSON object")
    return cast(Document, doc)


def _member(doc: Any, name: str, path: str) -> Any:
    found = _object(doc, path)
    if name not in found:
        raise bad_answer(f"{path}: the answer holds no {name!r}")
    return found[name]
