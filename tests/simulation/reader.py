"""Clients that come over the HTTP surface: they call, take streams as they are made, and follow logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, MutableMapping, Sequence
from random import Random
from typing import Any, Final

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.errors import NotFound, RoostError, from_problem
from roost.contract.result import TickResult
from roost.engine.runtime import Runtime
from roost_client.sse import Parser, ServerSent
from roost_http.surface import Surface

from .client import Client
from .gateway import Socket
from .host import SimHost
from .ops import Op
from .plans import Planner
from .streams import Chunks, Followed
from .world import World

ODDS: Final = 0.1
"""Share of the seeds with readers."""
OWN_OPS: Final = 1_000_000
LONGEST: Final = 4
"""Chunks of a stream, most."""
Header = tuple[bytes, bytes]
EVENTS: Final[Header] = (b"accept", b"text/event-stream")


def readers(seed: int, world: World) -> list[Reader]:
    """Those of a seed, most often none. Their numbers are their own: all other seeds are what they were."""
    rng = Random(f"readers of {seed}")
    if rng.random() >= ODDS:
        return []
    planner = Planner(rng, world.setting.keys, OWN_OPS)
    return [Reader(world, f"r{i}", planner) for i in range(rng.choice([1, 2]))]


class Reader(Client):
    """See the file's head."""

    def __init__(self, world: World, name: str, planner: Planner) -> None:
        super().__init__(world, name, planner)
        self.shown: set[str] = set()
        """Tokens of the states it has read."""
        self.followed: dict[Address, Followed] = {}
        self._surfaces: dict[Runtime, Surface] = {}

    async def act(self) -> None:
        match self.rng.choices(_ACTS, _WEIGHTS)[0]:
            case "stream":
                await self.stream(self.address(), self.planner.op(Op.STREAM))
            case "rpc" if self.sockets:
                self.rpc(self.rng.choice(self.sockets))
            case "connect" | "rpc":
                await self.connect()
            case "follow":
                await self.follow(self.address(), self.rng.choice([0.0, 1.0, 5.0, 60.0]) * self.rng.random())
            case "state":
                await self.state()
            case _:
                await super().act()

    # Requests ----------------------------------------------------------------------------------------

    async def request(
        self, runtime: Runtime, method: str, address: Address, rest: str, take: Callable[[bytes], None],
        headers: Sequence[Header] = (), body: bytes = b"", stay: float | None = None,
    ) -> int:  # fmt: skip
        """The status of one request; `take` gets the answer as it comes. `stay`: seconds until the reader leaves."""
        surface = self._surfaces.get(runtime)
        if surface is None:
            surface = self._surfaces[runtime] = Surface(runtime.app, runtime, admin_token=None)
        path, _, query = f"/v1/agents/{address.kind}/{address.key}/{rest}".partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "headers": list(headers),
        }  # fmt: skip
        given, left, status = [body], self.world.loop.create_future(), 0

        async def receive() -> dict[str, Any]:
            if given:
                return {"type": "http.request", "body": given.pop()}
            await asyncio.wait((left,))
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            assert isinstance(runtime.host, SimHost)
            await runtime.host.dead()
            if left.done():
                raise OSError
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                take(message["body"])

        leaving = None if stay is None else self.world.loop.call_later(stay, left.set_result, None)
        try:
            await surface(scope, receive, send)
        finally:
            if leaving is not None:
                leaving.cancel()
            if not left.done():
                left.set_result(None)
        return status

    async def dispatch(self, address: Address, action: str, args: tuple[Any, ...], key: str | None) -> Any:
        """A call as a client makes it."""
        headers = [] if key is None else [(b"idempotency-key", key.encode())]
        headers.append((b"roost-timeout", b"%.3f" % self.rng.choice([3.0, 10.0, 30.0])))

        async def attempt(runtime: Runtime) -> TickResult:
            parts: list[bytes] = []
            status = await self.request(
                runtime, "POST", address, f"call/{action}", parts.append, headers, to_json({"args": args})
            )
            doc = json.loads(b"".join(parts))
            if status != 200:
                raise from_problem(doc)
            return TickResult("value", to_json(doc["result"]))

        return await self.again(f"{action} {args[:1]}", attempt, 1 if key is None else 6)

    # Streams -----------------------------------------------------------------------------------------

    async def stream(self, address: Address, op: str) -> None:
        """Take one; who loses it begins anew, under its key."""
        most, keyed = self.rng.randint(1, LONGEST), self.rng.random() < 0.6
        plan = self.planner.plan(1)
        stay = 3 * self.rng.random() if self.rng.random() < 0.2 else None
        ids: dict[str, str] = {}

        async def attempt(runtime: Runtime) -> None:
            parser, chunks, whole = Parser(), Chunks(self.world.model, f"{self.name} {op}", ids), bytearray()
            last: list[ServerSent] = []

            def take(data: bytes) -> None:
                whole.extend(data)
                for sent in parser.feed(data):
                    if last:
                        self.world.history.broken("stream", f"{self.name} {op}: {sent.event} after its end")
                    if self._streamed(sent, chunks, op, most):
                        last.append(sent)

            headers = [EVENTS, *([(b"idempotency-key", op.encode())] if keyed else [])]
            body = to_json({"args": [op, plan, most]})
            status = await self.request(runtime, "POST", address, "call/stroll", take, headers, body, stay)
            if status not in (0, 200):
                raise from_problem(json.loads(whole))
            if last and last[0].event == "error":
                raise from_problem(json.loads(last[0].data))
            if not last and stay is None:
                self.world.history.broken("stream", f"{self.name} {op}: the stream has no end")

        try:
            await self.again(f"stroll {op}", attempt, 6 if keyed else 1)
            self.note("streamed", op)
        except RoostError as error:
            self.note("stream-refused", f"{op} {error.code}")

    def _streamed(self, sent: ServerSent, chunks: Chunks, op: str, most: int) -> bool:
        """One event of a stream; whether it is the last."""
        doc = json.loads(sent.data)
        match sent.event:
            case "chunk":
                chunks.chunk(doc, sent.id)
            case "stream-reset":
                chunks.reset()
            case "result":
                chunks.ended(op, most)
                return True
            case "error":
                return True
            case other:
                self.world.history.broken("stream", f"{self.name} {op}: an event {other}")
        return False

    def rpc(self, socket: Socket) -> None:
        """A stream over a connection."""
        if not self.world.served(socket):
            return
        op, most = self.planner.op(Op.STREAM), self.rng.randint(1, LONGEST)
        frame = {"type": "rpc", "id": op, "method": "stroll", "args": [op, self.planner.plan(1), most], "key": op}
        self.note("rpc-stream", f"{socket.cid} {op}")
        socket.streams[op] = Chunks(self.world.model, f"{socket.cid} {op}"), most
        self.world.frame(socket, to_json(frame).decode())

    # Logs --------------------------------------------------------------------------------------------

    async def follow(self, address: Address, stay: float, *, live: bool = True) -> None:
        """Read on from where one was, for a while. RoostError: refused."""
        place = self.followed.setdefault(address, Followed(self.world.model, address, f"{self.name} at {address}"))
        place.places.clear()
        parser, whole = Parser(), bytearray()

        def take(data: bytes) -> None:
            whole.extend(data)
            for sent in parser.feed(data):
                self._entry(sent, place)

        rest = "events" if live else "events?follow=false"
        headers = [EVENTS, (b"last-event-id", b"%d" % place.position)]

        async def attempt(runtime: Runtime) -> bool:
            status = await self.request(runtime, "GET", address, rest, take, headers, stay=stay if live else None)
            if status not in (0, 200):
                raise from_problem(json.loads(whole))
            return True

        try:
            if await self.again("follow", attempt, 1 if live else 6):
                self.note("followed", f"{address} {place.position}")
        except NotFound:
            self.note("follow-refused", str(address))

    def _entry(self, sent: ServerSent, place: Followed) -> None:
        doc = json.loads(sent.data)
        match sent.event:
            case "gap":
                self.note("gap", f"{place.whose} {doc['first']}")
                life = self.world.model.life(place.address)
                if life.generation == 1 and life.n <= self.world.setting.log_limit:
                    self.world.history.broken("log", f"{place.whose}: a gap to {doc['first']}, and nothing is gone")
                place.position = doc["first"] - 1
            case "chunk":
                place.chunk(doc["id"])
            case "stream-reset":
                self.note("reset", place.whose)
                place.reset(doc["id"])
            case _:
                place.entry(doc["seq"], doc["data"])
        if int(sent.id or 0) != place.position:
            self.world.history.broken("log", f"{place.whose}: the id {sent.id} at {place.position}")

    async def state(self) -> None:
        """Read one over HTTP."""
        address, parts = self.address(), list[bytes]()
        unfit = bool(self.world.model.refused)

        async def attempt(runtime: Runtime) -> int:
            parts.clear()
            return await self.request(runtime, "GET", address, "state", parts.append)

        status = await self.again("state", attempt, 2)
        if status == 200:
            self.note("state", str(address))
            self.shown.add(json.loads(b"".join(parts))["state"]["token"])
        elif status is not None and not (unfit or self.world.model.refused):
            self.note("state-refused", f"{address} {status}")

    async def judge(self) -> None:
        """At rest: what was shown is durable, and whoever reads on has seen all."""
        if unknown := sorted(self.shown - self.world.model.tokens.keys()):
            self.world.history.broken("gate", f"{self.name} was shown states of {unknown}, never durable")
        for address, place in list(self.followed.items()):
            life = self.world.model.life(address)
            await self.follow(address, 0.0, live=False)
            if unknown := sorted(place.shown - self.world.model.tokens.keys()):
                self.world.history.broken("gate", f"{place.whose} was shown entries of {unknown}, never durable")
            if life.exists and place.position != life.n:
                self.world.history.broken("log", f"{place.whose} has read to {place.position}, there are {life.n}")


_ACT = {"stream": 6, "rpc": 5, "connect": 2, "follow": 6, "state": 2, "call": 8}
_ACTS = tuple(_ACT)
_WEIGHTS = tuple(_ACT.values())
