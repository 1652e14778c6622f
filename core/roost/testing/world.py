"""A world to test agents in: all of Roost in one process under a virtual clock, in milliseconds.

async with world(app, seed=1) as w:
    counter = w.agent(Counter, "a")
    await counter.remind(3600, "tea")
    await w.advance(hours=2)
    assert w.events(Counter, "a")[-1].kind == "rang"
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from ..author.app import Credentials
from ..author.config import resolve
from ..contract.address import Address
from ..contract.encoding import encode
from ..contract.errors import TransientError
from ..contract.event import Event
from ..contract.job import Note, NoteKind, Question
from ..contract.operators import Operators
from ..contract.stream import DEFAULT, cursor
from ..contract.trigger import Caller
from ..fetch import Outbound
from ..hosting.memory import MemoryStore
from ..hosting.resident import Resident
from ..ports import Capabilities
from ..sockets.admission import authenticate, without_secrets
from ..sockets.protocol import Session
from .clock import EPOCH, VirtualHost
from .faults import Faults, Strike
from .faulty import faulty
from .jobs import JobState, StreamSeen, job_state, seen
from .peer import Peer, WorldWire

if TYPE_CHECKING:
    import httpx

    from ..author.agent import Agent
    from ..author.app import App
    from ..author.job import JobRef

A = TypeVar("A", bound="Agent[Any, Any]")
WORLD = Capabilities("world", jobs=True, threads=True)


class NoFetch:
    """Outbound HTTP of a world: hand in a transport to answer it."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None) -> None:
        self._transport = transport

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        from roost_http.fetch import client

        transport = self._transport
        if transport is None:
            raise RuntimeError("this world has no outside: pass world(..., http=httpx.MockTransport(handler))")

        async def send(request: httpx.Request, left: float) -> httpx.Response:
            return await transport.handle_async_request(request)

        return client(send, outbound, None)


class World:
    """See the file's head. Made by `world`."""

    def __init__(
        self, app: App, host: VirtualHost, *, restless: bool, config: Any, http: Any, idle_after: float,
        faults: Faults | None,
    ) -> None:  # fmt: skip
        self.app = app
        self.host = host
        self.store = MemoryStore(log_limit=app.limits.log)
        self._restless = restless
        self._config: Mapping[str, BaseModel] = resolve(app.kinds.values(), [config])
        self._fetch = NoFetch(http)
        self._idle_after = idle_after
        self.faults = faults or Faults()
        """What fails: `w.faults.once("store.commit", "lose")`; `w.faults.on = False` ends it."""
        self.crashes = 0
        """How often the host died."""
        self._falling: asyncio.Task[None] | None = None
        self._boot()

    def _boot(self) -> None:
        self.wire = WorldWire()
        life = self._life = object()

        async def dead() -> None:
            if life is self._life:
                return
            if self.host.owns(asyncio.current_task()):
                raise asyncio.CancelledError
            raise TransientError("the connection to the host was lost", code="lost")

        strike = Strike(self.faults, self.host.sleep, self._fall, dead)
        self.backend = Resident(
            self.app, self.store, self.wire, self._fetch, self.host, WORLD,
            config=self._config, idle_after=self._idle_after, restless=self._restless,
            between=lambda ports: faulty(ports, self.store, strike),
        )  # fmt: skip
        self.backend.start()

    @property
    def now(self) -> float:
        """Virtual epoch seconds."""
        return self.host.now()

    def agent(self, kind: type[A], key: str, /, *, idempotency_key: str | None = None) -> A:
        """An agent, typed as `kind`: await its actions."""
        return self.app.agent(kind, key, idempotency_key=idempotency_key)

    async def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let virtual time pass: schedules fire, back-offs end, agents fall asleep."""
        await self._stand()
        await self.host.advance(seconds + 60 * minutes + 3600 * hours + 86400 * days)
        await self._stand()

    async def jump(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """The wall clock is set, forward or (negative) back, and no other time passes: as in a suspend, or by NTP."""
        await self._stand()
        await self.host.jump(seconds + 60 * minutes + 3600 * hours + 86400 * days)
        await self._stand()

    async def settle(self) -> None:
        """Let everything that can happen now happen, tells delivered included; no time passes."""
        await self.host.settle()
        await self._stand()

    async def state(self, kind: type[Agent[Any, Any]], key: str, /) -> Any:
        """The committed view of the state, as data."""
        return from_json((await self.backend.runtime.view(Address(kind.kind, key)))[0])

    async def events(self, kind: type[Agent[Any, Any]], key: str, /, *, after: int = 0) -> list[Event]:
        """Committed entries of the event log, at most 1,000."""
        entries, _ = await self.store.log(Address(kind.kind, key), after, frozenset(), 1000)
        return [Event.of(e) for e in entries]

    async def connect(
        self, kind: type[Agent[Any, Any]], key: str, /, *, caller: Caller | None = None,
        query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Peer:  # fmt: skip
        """Open a WebSocket to an agent; the greeting and `on_connect` are over when it returns.

        Without a `caller` the app's auth hook says who it is, from `query` and `headers`. RoostError: it was refused.
        """
        address, cid, peer = Address(kind.kind, key), f"{self.host.entropy():016x}", Peer()
        runtime, query = self.backend.runtime, dict(query or {})
        if caller is None and self.app.auth is not None:
            given = {name.lower(): value for name, value in (headers or {}).items()}
            seen = Credentials(given, query, address, True, "127.0.0.1", "connect", "GET")
            caller = await authenticate(runtime, seen, Operators())
        peer.session = Session(runtime, address, cid, query.get("_pk", cid), caller, without_secrets(query), peer)
        self.wire.peers.setdefault(address, {})[cid] = peer
        await peer.session.open()
        await self.settle()
        return peer

    async def job(self, kind: type[Agent[Any, Any]], key: str, job: JobRef[Any] | str, /) -> JobState:
        """A job of an agent as its journal has it; `job`: what `start` returned, or its id."""
        id = job if isinstance(job, str) else job.id
        return await job_state(self.store.journal, Address(kind.kind, key), id)

    async def stream(
        self, kind: type[Agent[Any, Any]], key: str, job: JobRef[Any] | str, name: str = DEFAULT, /, *, after: str = ""
    ) -> list[StreamSeen]:
        """What a reader of a job's stream is told by now, from a cursor on: items, resets, gaps, the end.

        `roost.testing.jobs.items` of it is what the stream says, without what is void.
        """
        desk, id = self.backend.runtime.job_desk(), job if isinstance(job, str) else job.id
        return await seen(desk.reader(Address(kind.kind, key), id, name, cursor(after)), self.settle)

    async def questions(self, kind: type[Agent[Any, Any]], key: str, job: JobRef[Any] | str, /) -> list[Question]:
        """The open questions of a job."""
        id = job if isinstance(job, str) else job.id
        found = await self.store.journal.questions(Address(kind.kind, key), id)
        return [question for question in found if question.closed is None]

    async def answer(
        self, kind: type[Agent[Any, Any]], key: str, job: JobRef[Any] | str, value: Any, /, *,
        question: str | None = None, by: str = "tester", id: str | None = None,
    ) -> None:  # fmt: skip
        """Answer a question of a job: the one it has open, or that of this id. Refusals as over HTTP."""
        uid = job if isinstance(job, str) else job.id
        if question is None:
            (question,) = [x.id for x in await self.questions(kind, key, uid)]
        await self._note(kind, key, uid, "answer", question, value, by, id)

    async def signal(
        self, kind: type[Agent[Any, Any]], key: str, job: JobRef[Any] | str, name: str, value: Any = None, /, *,
        by: str = "tester", id: str | None = None,
    ) -> None:  # fmt: skip
        """Tell a job something: `run.wait(name)` gets it."""
        await self._note(kind, key, job if isinstance(job, str) else job.id, "signal", name, value, by, id)

    async def _note(
        self, kind: type[Agent[Any, Any]], key: str, uid: str, what: NoteKind, name: str, value: Any, by: str,
        id: str | None,
    ) -> None:  # fmt: skip
        data = encode(value, f"what is told to the job {uid}")
        note = Note(id or f"{self.host.entropy():016x}", what, name, data, self.now, "client", by)
        await self.backend.runtime.tell_job(Address(kind.kind, key), uid, note)
        await self.settle()

    def kill(self, *, after_row: int) -> None:
        """The host dies once it has written so many more rows of a journal, and another one starts."""
        self.faults.once("journal.append", "crash-after", after=after_row - 1)

    async def disconnect(self, peer: Peer) -> None:
        """The client goes."""
        assert peer.session is not None
        self.wire.peers[peer.session.address].pop(peer.session.cid, None)
        peer.close(1000, "")
        peer.session.closed(1000, "")
        await self.settle()

    async def hibernate(self, kind: type[Agent[Any, Any]], key: str, /) -> None:
        """Drop the agent from memory, as the platform would."""
        await self.backend.hibernate(Address(kind.kind, key))

    async def crash(self) -> None:
        """The host dies and another starts on the same store; connections are gone."""
        self._fall()
        await self._stand()
        await self.settle()

    def _fall(self) -> None:
        """From here on nothing that this host begun goes any further."""
        self._life = object()
        self.crashes += 1
        self.host.going = True
        self.backend.halt()
        self.wire.fall()
        if self._falling is None:
            self._falling = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        await self.host.kill()
        self._falling = None
        self._boot()

    async def _stand(self) -> None:
        """Wait until the host that died is back."""
        while self._falling is not None:
            await self._falling
            await self.host.settle()

    async def close(self) -> None:
        await self._stand()
        self.backend.halt()
        closing = asyncio.ensure_future(self.backend.runtime.resources.close())
        await self.host.settle()
        if not closing.done():
            await self.host.advance(60)  # one that does not end is given up
        await closing
        await self.host.kill()


@asynccontextmanager
async def world(
    app: App,
    *,
    seed: int = 0,
    start: float = EPOCH,
    restless: bool = False,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    http: httpx.AsyncBaseTransport | None = None,
    idle_after: float = 10.0,
    faults: Faults | None = None,
) -> AsyncGenerator[World, None]:
    """All of Roost under a virtual clock. `restless`: agents hibernate between any two ticks.

    `seed` decides every random number, `start` is the clock's first time in epoch seconds, `http` answers
    what agents send out (`httpx.MockTransport(handler)`), `config` is {kind: {field: value}}, `faults` says which
    calls between Roost and its platform fail, and how often.
    """
    made = World(
        app, VirtualHost(seed, start), restless=restless, config=config or {}, http=http, idle_after=idle_after,
        faults=faults,
    )  # fmt: skip
    try:
        yield made
    finally:
        await made.close()
