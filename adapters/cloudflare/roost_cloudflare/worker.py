"""The Worker: sends each request to the object of its agent, and answers what belongs to no agent.

`Default, RoostAgent, RoostRegistry = serve(app)` is all that the entry module of a Worker says.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, NoReturn

from roost.author.app import App
from roost.author.config import ConfigTable
from roost.contract.address import Address
from roost.contract.egress import Egress
from roost.contract.errors import NotSupported, RoostError
from roost.contract.hosts import Hosts
from roost.contract.result import TickResult, failed
from roost.contract.trigger import Call, Trigger
from roost.engine.meter import meter_for
from roost.engine.operating import listed
from roost.sockets.admission import read_query
from roost.sockets.line import refuse
from roost.system.audit import LOG
from roost.tick.outbound import Hooked
from roost_http import Surface
from roost_http import path as paths

from . import http, interop
from .clock import ObjectHost
from .courier import ObjectCourier
from .object import CLOUDFLARE, AgentObject
from .registry import Registries, Shelf
from .settings import Settings, declare, on_loopback
from .wire import ObjectLine, socket_address

if TYPE_CHECKING:
    import httpx

    from roost.contract.commit import Page


class Router:
    """Fills `Serves` for the Worker itself: no agent lives here, all are asked."""

    def __init__(self, app: App, settings: Settings, env: interop.Js) -> None:
        self.app, self.limits, self.restless = app, app.limits, settings.restless
        self.capabilities, self.closing, self.log = CLOUDFLARE, False, logging.getLogger("roost")
        self.host = ObjectHost()
        self.registries = Registries(interop.Namespace(env, "ROOST_REGISTRY"))
        self.courier = ObjectCourier(interop.Namespace(env, "ROOST_AGENT"), self.registries, self.host)
        self.meter = meter_for(app, self.host.monotonic, exposed=False)
        self.verify = interop.verifies
        self._private = settings.loopback
        self.cells: dict[Address, Any] = {}
        app.runtime = self

    def trouble(self) -> None:
        return None

    async def page(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return await listed(self.app, self.registries.page, kind, prefix, cursor, limit)

    def outside(self, deadline: float) -> httpx.AsyncClient:
        from .fetch import PlatformFetch  # outbound HTTP is loaded when an auth hook asks for it

        return PlatformFetch(Egress(self.app.egress, private=self._private)).client(Hooked(), deadline)

    async def dispatch(self, address: Address, trigger: Trigger, live: Any = None) -> TickResult:
        if not isinstance(trigger.payload, Call):
            return failed(NotSupported("only calls are sent from the Worker"))
        try:
            return TickResult("value", await self.courier.ask(address, trigger))
        except RoostError as error:
            return failed(error)

    def _elsewhere(self, *args: Any, **kwargs: Any) -> NoReturn:
        """What is asked of one agent goes to its object, unread by this one."""
        raise NotSupported("no agent lives in the Worker")

    async def _away(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._elsewhere()

    kind = post = subscribe = unsubscribe = job_desk = _elsewhere
    tell = snapshot = view = status = events = letters = dead_letters = redrive = purge_dead = disconnect = _away
    hibernate = _away


_surfaces: dict[App, Surface] = {}
"""The Worker's own surface, once a process: bindings are the same in every request."""
_agents: dict[App, interop.Namespace] = {}


_hosts: dict[App, Hosts] = {}
"""What it answers to."""


class WorkerEntry(interop.WorkerEntrypoint):  # type: ignore[misc]  # the SDK has no types here
    """The Worker's HTTP entry."""

    app: App

    def __init__(self, ctx: interop.Js, env: interop.Js) -> None:
        self.ctx = ctx
        self.env = env
        interop.quicken()

    def fetch(self, request: interop.Js) -> interop.Js:
        """A request for an agent is passed on as it is, and so is the promise of its answer: nothing waits here."""
        host, path, query = _split(interop.url_of(request))
        address = self._agent(path, query)
        if address is None or not self._answers(host):
            return self._own(request)
        agents = _agents.get(self.app)
        if agents is None:
            agents = _agents[self.app] = interop.Namespace(self.env, "ROOST_AGENT")
        return agents.forward(str(address), request)

    async def _own(self, request: interop.Js) -> interop.Js:
        head = http.Head(request)
        if head.upgrade:
            return self._refuse(head)
        return await http.answer(self._surface(), head)

    def _answers(self, host: str) -> bool:
        """Whether the app answers to this host: asked here, so that no agent wakes for another."""
        try:
            self._hosts().check(host)
        except RoostError:
            return False
        return True

    def _hosts(self) -> Hosts:
        found = _hosts.get(self.app)
        if found is None:
            found = _hosts[self.app] = Hosts(self.app.hosts, loopback=on_loopback(self.env))
        return found

    def _surface(self) -> Surface:
        surface = _surfaces.get(self.app)
        if surface is None:
            settings = Settings.of(self.app, self.env)
            router = Router(self.app, settings, self.env)
            surface = _surfaces[self.app] = Surface(
                self.app, router, admin_token=settings.operators, loopback=settings.loopback
            )
        return surface

    def _agent(self, path: str, query: str) -> Address | None:
        """The agent a request is for; None: it is for none that can be."""
        try:
            if path == "/v1/audit":
                return LOG
            if path == "/agents":
                return socket_address(self.app, path, read_query(query))
            parts = path.split("/", 5)
            if len(parts) > 3 and parts[1] == "agents":
                return paths.address(self.app, parts[2].encode(), parts[3].encode())
            if len(parts) > 4 and parts[1] == "v1" and parts[2] == "agents":
                return paths.address(self.app, parts[3].encode(), parts[4].encode())
        except RoostError:
            pass
        return None

    def _refuse(self, head: http.Head) -> interop.Js:
        """A WebSocket that leads nowhere: accepted, told why, closed."""
        client, server = interop.pair()
        server.accept()
        try:
            self._hosts().check(head.host)
            socket_address(self.app, head.path, read_query(head.query))
        except RoostError as error:
            refuse(ObjectLine(server), error)
        return interop.upgraded(client)


class RegistryObject(interop.DurableObject):  # type: ignore[misc]  # the SDK has no types here
    """One of the 16 objects that know which agents there are. Bound as ROOST_REGISTRY."""

    def __init__(self, ctx: interop.Js, env: interop.Js) -> None:
        self.ctx = ctx
        self._shelf: Shelf | None = None

    def roost(self, text: str) -> str:
        if self._shelf is None:
            self._shelf = Shelf(interop.Sql(self.ctx))
        return self._shelf.answer(text)


def _split(url: str) -> tuple[str, str, str]:
    rest = url.partition("://")[2].partition("#")[0]
    front, _, query = rest.partition("?")
    host, _, path = front.partition("/")
    return host, "/" + path, query


def serve(
    app: App, *, config: ConfigTable | None = None
) -> tuple[type[WorkerEntry], type[AgentObject], type[RegistryObject]]:
    """The three classes of a Worker that serves `app`. The platform knows each by its `__name__`.

    `config`: {kind: {field: value}}, weaker than the Worker's variables.
    """
    declare(app, config or {})
    if any(kind.jobs for kind in app.kinds.values()):  # into the platform's image of the memory, not at the first job
        importlib.import_module("roost.engine.jobs.executor")
        importlib.import_module("roost.hosting.jobs.change")
    entry = type("Default", (WorkerEntry,), {"app": app})
    agent = type("RoostAgent", (AgentObject,), {"app": app})
    registry = type("RoostRegistry", (RegistryObject,), {})
    return entry, agent, registry
