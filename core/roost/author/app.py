"""An app: the agents that are deployed together, and what goes for all of them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..contract.address import Address, check_key
from ..contract.caller import APP
from ..contract.errors import AgentError, NotFound
from ..contract.hosts import checked_names
from ..contract.limits import PORTABLE, Limits
from ..contract.quotas import Plan, Quotas
from ..contract.tenants import Tenants
from ..contract.trigger import Call, Caller, Trigger
from .kind import Kind
from .refused import Refusals
from .remote import Remote, RemoteAction, typed

if TYPE_CHECKING:
    import httpx

    from ..ports import Verify
    from .agent import Agent
    from .chunks import Chunks
    from .may import May
    from .server import Server

A = TypeVar("A", bound="Agent[Any, Any]")
Proceed = Callable[[], Awaitable[None]]
Around = Callable[["Agent[Any, Any]", Trigger, Proceed], Awaitable[None]]
"""Wraps ticks: `async def timing(agent, trigger, proceed): ...; await proceed()`."""
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the auth hook sees of an HTTP request or a WebSocket handshake. Header names are lower-case.

    `operation` is what is asked for: `call:{action}`, `tell:{action}`, `status`, `state`, `events`, `request` (the
    agent's own HTTP) or `connect` (a WebSocket, over which any action may be called that does not ask for more itself).
    With `App(tenants=...)` also `list`, of an empty address: the list of the caller's own agents.
    Everything else is the operator's, who comes past the hook. `method` is HTTP's; "GET" of a handshake.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    address: Address
    websocket: bool
    client: str = ""
    operation: str = ""
    method: str = ""
    fetch: Callable[[], httpx.AsyncClient] | None = field(default=None, repr=False, compare=False)
    """Makes a client of the platform's outbound HTTP; set by Roost."""
    verify: Verify | None = field(default=None, repr=False, compare=False)
    """The platform's verification of signatures, where Python has no package cryptography; set by Roost."""

    @property
    def http(self) -> httpx.AsyncClient:
        """Outbound HTTP for the hook, as long as it runs: `async with credentials.http as http: ...`."""
        if self.fetch is None:
            raise RuntimeError("these credentials were made by hand: give them fetch=httpx.AsyncClient")
        return self.fetch()

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer ...`; browsers can't set it on a WebSocket: use the query there."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" and token else None


Auth = Callable[[Credentials], Awaitable[Caller | None]]
"""Returns who asks: `Caller(...)`, or `ANONYMOUS` for somebody without a name. None, and any error, is a refusal."""


async def PUBLIC(credentials: Credentials) -> Caller | None:
    """`App(auth=PUBLIC)`: whoever reaches the app may do all that callers may do. Said by name, so that nobody deploys
    such an app without knowing."""
    return None


class App:
    """`app = App([Counter, Audit])`; `[tool.roost] app = "main:app"` names it."""

    def __init__(
        self,
        agents: Sequence[type[Agent[Any, Any]]],
        *,
        web: ASGIApp | None = None,
        auth: Auth | None = None,
        around: Sequence[Around] = (),
        origins: Sequence[str] = (),
        hosts: Sequence[str] = (),
        limits: Limits | None = None,
        quotas: Quotas | Plan | None = None,
        tenants: Tenants | None = None,
        egress: Sequence[str] | None = None,
        may: May | None = None,
    ) -> None:
        """`auth`: who may do what; without one an app is for its own machine, unless it says `PUBLIC`. `web`: your own
        ASGI app, served beside. `origins`: web origins that may open WebSockets and change something besides our own.
        `hosts`: the names that are answered, such as "example.com" or "*.example.com"; none given, on
        loopback this machine's own and elsewhere any.

        `around`: outermost first. `limits`: raise one with your eyes open; `roost check` says who is left.
        `quotas`: what one caller may do, or a function that says it of a caller; None: none on loopback, `DEFAULT`
        of roost.contract.quotas elsewhere. `tenants`: clients reach the agents of their tenant only.
        `egress`: where `self.http` may send requests; None: anywhere public. `may`: who may look at a job, cancel it,
        tell it something (roost/author/may.py); None: whoever started it. Operators may in any case.
        """
        self.kinds: dict[str, Kind] = {}
        for cls in agents:
            kind = getattr(cls, "_kind", None)
            if not isinstance(kind, Kind):
                raise TypeError(f"App: {cls!r} is not an agent class")
            if kind.name in self.kinds:
                raise TypeError(f'App: two agents have the kind {kind.name!r}; set `kind = "..."` on one of them')
            self.kinds[kind.name] = kind
        if not self.kinds:
            raise TypeError("App: give it at least one agent class")
        if auth is not None and not _is_hook(auth):
            raise TypeError("App(auth=...): the hook must be `async def`, or an object whose `__call__` is")
        if may is not None and not _is_hook(may):
            raise TypeError("App(may=...): the hook must be `async def`, or an object whose `__call__` is")
        self.may = may
        self.web = web
        self.public = auth is PUBLIC
        """It was said that anybody may call."""
        self.auth = None if self.public else auth
        self.around = tuple(around)
        self.origins = frozenset(origins)
        self.hosts = checked_names(hosts)
        self.limits = limits or PORTABLE
        if quotas is not None and not (isinstance(quotas, Quotas) or callable(quotas)):
            raise TypeError("App(quotas=...): it is Quotas(...), or a function of a caller that returns Quotas")
        self.quotas = quotas
        if tenants is not None and self.auth is None:
            raise TypeError("App(tenants=...): tenants are told by a claim of the caller; give the app auth=hook too")
        self.tenants = tenants
        if isinstance(egress, str):
            raise TypeError(f"App(egress={egress!r}): it is a list of hosts, for example [{egress!r}]")
        self.egress = None if egress is None else tuple(egress)
        if self.egress:
            from ..contract.egress import entry  # rarely needed, and slow to load

            for name in self.egress:
                entry(name)
        self.silent_hook = False
        """The hook returned None, and its author has been told what that means."""
        self.refusals = Refusals()
        """Of operators' routes, in this process."""
        self.runtime: Server | None = None
        """What serves this app in this process; set by the backend."""

    def kind(self, name: str) -> Kind:
        """The kind of that name; NotFound says which there are."""
        found = self.kinds.get(name)
        if found is None:
            raise NotFound(
                f"no agent kind {name!r}; this app has: {', '.join(sorted(self.kinds))}", code="unknown-kind"
            )
        return found

    def agent(self, kind: type[A], key: str, /, *, timeout: float = 30.0, idempotency_key: str | None = None) -> A:
        """An agent, typed as `kind`, for code outside any agent (the `web` app): await its actions; iterate over one
        that streams."""
        found = self.kind(kind._kind.name)  # pyright: ignore[reportPrivateUsage]
        remote = Remote(AppAsker(self, timeout), found, Address(found.name, check_key(key)), timeout, idempotency_key)
        return cast(A, remote)


def _is_hook(given: object) -> bool:
    if isinstance(given, type):
        return False
    return inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(vars(type(given)).get("__call__"))


class AppAsker:
    """Asks from outside any tick."""

    def __init__(self, app: App, timeout: float) -> None:
        self.app = app
        self.timeout = timeout

    async def ask(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        runtime, trigger = self._asked(target, args, kwargs)
        return typed(target, (await runtime.dispatch(target.address, trigger)).raw())

    def stream(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Chunks:
        from .chunks import Chunks  # rarely needed

        runtime, trigger = self._asked(target, args, kwargs)
        return Chunks(runtime, target, trigger)

    def _asked(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Server, Trigger]:
        runtime = self.app.runtime
        if runtime is None:
            raise AgentError("the app is not being served: app.agent works while a backend runs it", code="not-served")
        _, copy = target.action.pack(args, kwargs, f"{target.address}.{target.action.name}", self.app.limits.arguments)
        return runtime, Trigger(
            "call", Call(target.action.name, tuple(copy["args"]), copy["kwargs"]), target.idempotency_key,
            source="app", caller=APP, deadline=runtime.host.monotonic() + self.timeout,
        )  # fmt: skip
