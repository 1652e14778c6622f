"""The Durable Object of one agent: what the platform brings becomes triggers of the core's runtime.

The object has one runtime with one cell, whose queue serialises its ticks; while one waits for I/O the platform
may bring the next event, which queues behind it. Nothing is kept outside the object: others share its process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic_core import from_json

from roost.author.app import App, Credentials
from roost.contract.address import Address
from roost.contract.egress import Egress
from roost.contract.errors import RoostError, TransientError
from roost.contract.hosts import check_origin
from roost.contract.trigger import Disconnect, Trigger
from roost.engine.cell import REARM
from roost.engine.retries import FIRST, LONGEST
from roost.engine.runtime import Runtime
from roost.ports import Capabilities, Ports
from roost.sockets.admission import check_transport, read_query
from roost.sockets.line import refuse
from roost.sockets.metered import knock, known
from roost.sockets.protocol import Session
from roost_http import Surface

from . import http, interop, message
from .alarms import ObjectAlarms
from .clock import ObjectHost
from .courier import ObjectCourier
from .registry import Listing, Registries, RegistryCounts
from .store import ObjectStore
from .wire import ObjectLine, Sockets, rebuilt, session_of, socket_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from roost.engine.jobs.executor import Executor

    from .settings import Settings

CLOUDFLARE = Capabilities("cloudflare", jobs=True)
STAY = 1.0
"""Seconds for which the platform's alarm waits for what is due. The next alarm would only queue behind it."""
LATE = 2.0
"""Seconds after which an event does not wait for the platform's alarm any more. It may be a minute late after a
failover (https://developers.cloudflare.com/durable-objects/api/alarms/), and workerd was seen to lose one."""
_DUE: Final = "SELECT armed FROM head WHERE armed IS NOT NULL"
log = logging.getLogger("roost")


class ObjectRuntime(Runtime):
    """The runtime of one object. `app.agent` belongs to the router, not to whichever object came last."""

    def __init__(self, app: App, ports: Ports, settings: Settings) -> None:
        self.working: Callable[[], object] = lambda: None
        """Told that jobs are worked on, perhaps by no event's doing."""
        before = app.runtime
        super().__init__(
            app, ports, CLOUDFLARE, config=settings.config, idle_after=float("inf"), restless=settings.restless
        )
        app.runtime = before

    def executor(self) -> Executor | None:
        found = super().executor()
        if found is not None:
            found.working = self.working
        return found


class AwakeObject:
    """What an object keeps in memory: the runtime of its agent and its open sockets."""

    def __init__(self, app: App, settings: Settings, ctx: interop.Js, env: interop.Js, address: Address) -> None:
        from .fetch import PlatformFetch

        host = self.host = ObjectHost()
        registries = Registries(interop.Namespace(env, "ROOST_REGISTRY"))
        courier = ObjectCourier(interop.Namespace(env, "ROOST_AGENT"), registries, host)
        self.address = address
        self.settings = settings
        self.sql = interop.Sql(ctx)
        self.store = ObjectStore(self.sql, address, Listing(registries, host), app.limits.log)
        self.sockets = Sockets(ctx)
        self.alarms = ObjectAlarms(ctx, host, self.store.journal.first, self.store.reads.armed)
        ports = Ports(
            self.store,
            courier,
            self.sockets,
            self.alarms,
            host,
            PlatformFetch(Egress(app.egress, private=settings.loopback)),
            verify=interop.verifies,
        )
        self.runtime = ObjectRuntime(app, ports, settings)
        if not settings.loopback:
            self.runtime.expose()
        if self.runtime.meter is not None:
            self.runtime.meter.counts = RegistryCounts(registries, host)
        self.surface = Surface(app, self.runtime, admin_token=settings.operators, loopback=settings.loopback)
        self.ctx = ctx

    # Other objects -----------------------------------------------------------------------------------

    async def told(self, text: str) -> str:
        """An envelope or an ask of another object."""
        try:
            doc = from_json(text)
            if doc["do"] == "deliver":
                await self.runtime.accept(message.envelope_in(doc))
                return message.value_out(b"null")
            address, trigger = message.ask_in(doc, self.host.monotonic())
            return message.value_out((await self.runtime.dispatch(address, trigger)).raw())
        except RoostError as error:
            return message.error_out(error)

    # Alarms ------------------------------------------------------------------------------------------

    async def alarm(self) -> None:
        """Queue what is due. The platform forgets the alarm when this returns, so it waits until all is done, or sets
        another: what dies with the host in between would be woken by nobody."""
        self.alarms.fired()
        await self.runtime.alarm(self.address)
        try:
            async with self.host.timeout(STAY):
                await self.quiet()
        except TimeoutError:
            if not self.alarms.pending:
                await self.alarms.arm(self.address, self.host.now() + REARM)
        if self.store.journal.there:
            await self.alarms.again(self.host.now())

    def overdue(self) -> None:
        """An event came in: it looks what is due when the platform's alarm should have, long ago."""
        cell = self.runtime.cells.get(self.address)
        jobs = self.alarms.jobs()
        late = self.host.now() - LATE
        if (cell is not None and cell.armed is not None and cell.armed < late) or (jobs is not None and jobs < late):
            self.alarms.fired()
            self.runtime.rouse(self.address)

    # Connections -------------------------------------------------------------------------------------

    async def connect(self, head: http.Head) -> interop.Js:
        """Accept, then admit and greet, or refuse in a way that ends the client's retries (rule 26)."""
        client, server = interop.pair()
        line = ObjectLine(server)
        try:
            session = await self._admit(head, line)
        except RoostError as error:
            server.accept()  # not to hibernate: the close of one that may waits 10 s, until the object sleeps
            refuse(line, error)
            return interop.upgraded(client)
        interop.hibernate(self.ctx, server, session.cid)
        self.sockets.add(session.cid, line)
        self.sockets.sessions[session.cid] = session
        self.host.at_once = False
        try:
            await session.open()
        except RoostError as error:
            refuse(line, error)
        finally:
            self.host.at_once = True
        return interop.upgraded(client)

    async def _admit(self, head: http.Head, line: ObjectLine) -> Session:
        runtime = self.runtime
        self.surface.site.door.given([(k.encode(), v.encode()) for k, v in head.headers])
        headers = head.fields
        query = read_query(head.query)
        socket_address(runtime.app, head.path, query)
        check_transport(query)
        check_origin(runtime.app.origins, headers)
        credentials = Credentials(
            headers, query, self.address, True, headers.get("cf-connecting-ip", ""), "connect", "GET"
        )
        caller = await known(runtime, credentials, self.settings.operators)
        if runtime.meter is not None:
            await knock(runtime, runtime.meter, self.address, caller, credentials.client)
        cid = f"{runtime.host.entropy():016x}"
        label = query.get("_pk", cid)[:255]
        return session_of(runtime, self.address, cid, label, caller, query, line, credentials.client)

    def heard(self, socket: interop.Js, data: str | bytes) -> None:
        """A frame came in."""
        cid = interop.cid_of(socket)
        session = self._session(cid)
        if session is None:
            if cid:
                interop.close(socket, 1011, "unknown connection")
            return
        size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        limit = self.runtime.limits.message_in
        if size > limit:
            session.line.close(1009, f"a message may have {limit} bytes")
        elif isinstance(data, str):
            session.text(data)
        else:
            session.binary(data)

    def _session(self, cid: str) -> Session | None:
        found = self.sockets.sessions.get(cid)
        if found is None and cid:
            row = self.store.reads.connection(cid)
            line = self.sockets.lines.get(cid)
            if row is not None and line is not None:
                found = rebuilt(self.runtime, self.address, row, line)
                self.sockets.sessions[cid] = found
        return found

    def left(self, socket: interop.Js, code: int, reason: str) -> None:
        """A socket is gone."""
        cid = interop.cid_of(socket)
        if not cid:
            return
        session = self.sockets.sessions.get(cid)
        self.sockets.discard(cid)
        if session is not None:
            session.closed(code, reason)
        else:
            self.runtime.post(self.address, Trigger("disconnect", Disconnect(cid, code, reason), source="admin"))

    # Staying awake -----------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Until the agent's queue is empty: an object with no event under way may be put to sleep."""
        cell = self.runtime.cells.get(self.address)
        while cell is not None and cell.pumping and isinstance(cell.task, asyncio.Task):
            await asyncio.wait([cell.task])

    async def idle(self) -> None:
        """Until nothing of the agent runs, the bodies of its jobs neither."""
        while self.busy:
            await self.quiet()
            if self.runtime.jobs is not None:
                await self.runtime.jobs.idle()

    @property
    def busy(self) -> bool:
        cell, jobs = self.runtime.cells.get(self.address), self.runtime.jobs
        return (cell is not None and cell.pumping) or (jobs is not None and jobs.busy)


class AgentObject(interop.DurableObject):  # type: ignore[misc]  # the SDK has no types here
    """The class that `wrangler.toml` binds as ROOST_AGENT, given its app by `serve`."""

    app: ClassVar[App]

    def __init__(self, ctx: interop.Js, env: interop.Js) -> None:
        self.ctx = ctx
        self.env = env
        self._awake_object: AwakeObject | None = None
        self._held = False
        self._pause = 0.0
        """Seconds that the last alarm handler, which failed, put its alarm off by."""
        interop.quicken()

    def _awake(self) -> AwakeObject:
        """What is in memory; made at the first event."""
        found = self._awake_object
        if found is None:
            from .settings import Settings

            name = interop.name_of(self.ctx)
            if name is not None:
                kind, _, key = name.partition("/")
                address: Address | None = Address(kind, key)
            else:
                address = ObjectStore.whose(interop.Sql(self.ctx))
            if address is None:
                raise TransientError("this object does not know its name yet", code="nameless")
            found = self._awake_object = AwakeObject(
                self.app, Settings.of(self.app, self.env), self.ctx, self.env, address
            )
            found.runtime.working = self._hold
        return found

    def _hold(self) -> None:
        """Keep the object awake while it works on what no request waits for: its queue, its jobs."""
        awake = self._awake_object
        if awake is not None and awake.busy and not self._held:
            self._held = True
            interop.wait_until(self.ctx, self._until_idle(awake))

    async def _until_idle(self, awake: AwakeObject) -> None:
        try:
            await awake.idle()
        finally:
            self._held = False

    async def fetch(self, request: interop.Js) -> interop.Js:
        awake = self._awake()
        awake.overdue()
        head = http.Head(request)
        if head.upgrade:
            answer = await awake.connect(head)
        else:
            answer = await http.answer(awake.surface, head)
        self._hold()
        return answer

    async def roost(self, text: str) -> str:
        """Other objects' way in: see message.py."""
        awake = self._awake()
        awake.overdue()
        answer = await awake.told(text)
        self._hold()
        return answer

    async def alarm(self, info: interop.Js = None) -> None:
        try:
            await self._awake().alarm()
            self._hold()
            self._pause = 0.0
        except Exception:
            now = time.time()
            pause = self._pause = min(LONGEST, max(FIRST, 2 * self._pause, self._late(now)))
            log.exception("the alarm handler failed; it is called again in %.0f s", pause)
            await interop.set_alarm(self.ctx, now + pause)

    def _late(self, now: float) -> float:
        """Seconds for which something is due, by the tables: what memory knows of failures is gone when it sleeps."""
        try:
            return now - float(interop.Sql(self.ctx).rows(_DUE)[0][0])
        except Exception:  # there is no such table, or nothing is due, or it is the storage that fails
            return 0.0

    async def webSocketMessage(self, socket: interop.Js, data: interop.Js) -> None:
        awake = self._awake()
        awake.overdue()
        awake.heard(socket, data if isinstance(data, str) else data.to_bytes())
        self._hold()

    async def webSocketClose(self, socket: interop.Js, code: int, reason: str, clean: bool) -> None:
        self._awake().left(socket, code, reason)
        interop.close(socket, code if code in (1000, 1001) or 3000 <= code < 5000 else 1000, "")
        self._hold()

    async def webSocketError(self, socket: interop.Js, error: interop.Js) -> None:
        self._awake().left(socket, 1006, "")
        self._hold()
