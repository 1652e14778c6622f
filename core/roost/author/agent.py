"""The author's view: subclass `Agent`, write actions, let effects be recorded.

Effects (`tell`, `schedule`, `broadcast`, `kv.put`, `record`) are recorded synchronously and leave with the
commit; reads are awaited. Nothing set on `self` besides `state` survives hibernation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from logging import LoggerAdapter
from random import Random
from sys import getrefcount
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, Protocol, cast, overload

from pydantic import BaseModel
from typing_extensions import TypeVar

from ..contract.address import Address, check_key
from ..contract.errors import AgentError
from ..contract.event import Event
from ..contract.trigger import Caller, Request
from .connection import Connection
from .kind import Empty, Kind
from .remote import Remote, RemoteAction

if TYPE_CHECKING:
    import httpx

    from ..contract.job import Note, Rung
    from .action import Action
    from .effects import Effects
    from .job import JobDone
    from .job_method import JobMethod, JobRef
    from .kv import KV
    from .resource import Resource
    from .response import Response
    from .run import Run
    from .schedule import When

S = TypeVar("S", bound=BaseModel, default=Empty)
C = TypeVar("C", bound=BaseModel, default=Empty)
P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="Agent[Any, Any]")
Done = Coroutine[Any, Any, Any] | AsyncIterator[Any]
"""What a method of an agent gives: one that streams gives its chunks."""
E = TypeVar("E", bound="Effects")


class Agent(Generic[S, C]):
    """Base of all agents: `class Counter(Agent[Tally])`, or `Agent[Tally, Settings]` with config."""

    state: S
    config: C

    kind: ClassVar[str]
    """Kebab-case name in URLs and storage; by default made from the class name."""
    client_writes: ClassVar[bool] = False
    """Whether WebSocket clients may replace the state."""
    state_version: ClassVar[int] = 1
    """Raise it with a change of the state model that old bytes don't fit, and write `migrate`."""

    _kind: ClassVar[Kind]
    _tick: Effects
    _roost: AgentServices[Any]
    _resources: dict[Resource[Any], Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._kind = Kind(cls, RESERVED)
        cls.kind = cls._kind.name

    if not TYPE_CHECKING:  # else it would be every attribute's type

        def __getattr__(self, name: str) -> Any:
            if name == "state" and "_tick" in self.__dict__:
                raise self._tick.over("self.state")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    # What a handler reads ----------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """The agent's key; with its kind, its address."""
        return self._tick.address.key

    @property
    def now(self) -> datetime:
        """The time of this tick, aware, UTC. It never runs backwards between two ticks."""
        return datetime.fromtimestamp(self._tick.at, UTC)

    @property
    def random(self) -> Random:
        """Seeded by the tick: a replay draws the same numbers."""
        return self._tick.random

    @property
    def caller(self) -> Caller | None:
        """Who asked; None: a client without a name, or nobody (a schedule). Its `source` says what it is, and none can
        claim it: "client" (`principal` is what the auth hook calls it), "agent" (its address), "operator", "app"."""
        return self._tick.trigger.caller

    @property
    def log(self) -> LoggerAdapter[Any]:
        """A logger that carries the agent's address and the trigger."""
        return self._roost.logger(self._tick)

    @property
    def http(self) -> httpx.AsyncClient:
        """Outbound HTTP. Not gated; each request carries an Idempotency-Key that is stable across re-runs."""
        return self._roost.http(self._tick)

    @property
    def kv(self) -> KV:
        """Key-value data beside the state: `await kv.get(key, type)`, `kv.put(key, value)`."""
        return self._tick.kv()

    @property
    def connections(self) -> Sequence[Connection]:
        """The open WebSockets, oldest first."""
        tick = self._tick
        return [Connection(tick, row) for row in tick.connections()]

    async def events(self, *, kinds: Sequence[str] = (), after: int = 0, limit: int = 100) -> list[Event]:
        """Committed entries of the event log with seq > `after`, oldest first."""
        entries, _ = await self._tick.reader().log(self._tick.address, after, frozenset(kinds), limit)
        return [Event.of(entry) for entry in entries]

    # Effects -----------------------------------------------------------------------------------------

    def agent(
        self, kind: type[A], key: str, /, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> A:
        """Another agent, typed as `kind`: await its actions to ask, pass them to `tell` to tell.

        `timeout` in seconds; an ask ends at the latest 0.5 s before this tick must.
        """
        if not isinstance(getattr(kind, "_kind", None), Kind):
            raise AgentError(f"{kind!r} is not an agent class", code="bad-target")
        to = Address(kind._kind.name, check_key(key))
        return cast(A, Remote(self._roost.asker(self._tick), kind._kind, to, timeout, idempotency_key))

    def tell(self, do: Callable[P, Done], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Durable and one-way: leaves with the commit, runs at least once, applies once."""
        target: Any = do
        if isinstance(target, RemoteAction):
            self._tick.tell(target.address, target.action, args, kwargs)
        else:
            found = self._kind.target(self._own_method(target))
            self._tick.tell(self._tick.address, found, args, kwargs)

    @overload
    def schedule(self, key: str, when: When, do: Callable[P, Done], /, *args: P.args, **kwargs: P.kwargs) -> None: ...
    @overload
    def schedule(
        self,
        key: str,
        when: When,
        do: Callable[Concatenate[Run, P], Coroutine[Any, Any, Any]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    def schedule(self, key: str, when: When, do: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Run a method of this agent later. The same key is the same schedule; the same spec again changes nothing.

        `when`: seconds or timedelta from now, an aware datetime, `Every(...)` or `Cron("0 9 * * *", tz=...)`. A `@job`
        is started then, under the schedule's key: while the one started before lives, it is that one.
        """
        name = getattr(do, "__name__", "")
        if name in self._kind.jobs:
            self._roost.journaled()
            self._tick.schedule_job(key, when, self._own_job(do), args, kwargs)
        else:
            self._tick.schedule(key, when, self._own_method(do), args, kwargs)

    def unschedule(self, key: str, /) -> bool:
        """Take a schedule off the list; whether it was there."""
        return self._tick.unschedule(key)

    def start(
        self,
        key: str | None,
        job: Callable[Concatenate[Run, P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> JobRef[R]:
        """Begin a `@job` of this agent: with the commit, and never without it.

        While a job of that key lives this is that one, and with other arguments refused (409 `job-arguments`).
        """
        self._roost.journaled()
        return self._tick.start(self._own_job(job), key, args, kwargs)

    def cancel(self, job: JobRef[Any] | str, /) -> bool:
        """Have a job of this agent cancelled, after the commit: its body hears `Cancelled`. Whether it lives."""
        self._roost.journaled()
        return self._tick.tell_job(job if isinstance(job, str) else job.id, "cancel", "", None)

    def signal(self, job: JobRef[Any] | str, name: str, value: Any = None, /) -> bool:
        """Tell a job of this agent something, after the commit: its body gets it from `run.wait(name)`, now or later.
        Whether the job lives. The log says so when it was not taken any more."""
        self._roost.journaled()
        return self._tick.tell_job(job if isinstance(job, str) else job.id, "signal", name, value)

    def answer_question(self, job: JobRef[Any] | str, question: str, value: Any, /) -> bool:
        """Answer a question of a job of this agent, after the commit, as the caller of this tick. Whether it lives."""
        self._roost.journaled()
        return self._tick.tell_job(job if isinstance(job, str) else job.id, "answer", question, value)

    def hold_job(self, job: JobRef[Any] | str, /) -> bool:
        """Have a job of this agent held, after the commit: its step that runs ends and is stored, then nothing of it
        begins, and no timer of it fires, until `resume_job`. Whether it lives."""
        self._roost.journaled()
        return self._tick.tell_job(job if isinstance(job, str) else job.id, "hold", "", None)

    def resume_job(self, job: JobRef[Any] | str, /) -> bool:
        """Let a job that is held go on, after the commit. Whether it lives."""
        self._roost.journaled()
        return self._tick.tell_job(job if isinstance(job, str) else job.id, "resume", "", None)

    @property
    def jobs(self) -> Sequence[JobRef[Any]]:
        """The jobs of this agent that have not ended, in the order of their start."""
        return self._tick.jobs()

    def broadcast(self, data: Any, /, *, without: Connection | str | None = None) -> None:
        """Send a frame to every open connection after the commit."""
        self._tick.broadcast(data, without.id if isinstance(without, Connection) else without)

    def emit(self, chunk: Any, /) -> None:
        """Send a chunk at once, before any commit: to the caller's stream and to subscribers."""
        self._tick.emit(chunk)

    def record(self, kind: str, data: Any = None, /) -> None:
        """Append to the event log; numbered by the commit."""
        self._tick.record(kind, data)

    def _own_method(self, do: Any) -> str:
        if isinstance(do, RemoteAction):
            raise AgentError(
                f"{do!r} can't be scheduled here: schedule a method of this agent that tells it", code="bad-target"
            )
        name: object = getattr(do, "__name__", None)
        owner: object = getattr(do, "__self__", None)
        if not isinstance(name, str) or owner is not self:
            raise AgentError(
                f"{do!r} is no target: pass a method of this agent (self.ring) or an action of another "
                "(self.agent(Other, key).note)",
                code="bad-target",
            )
        return self._kind.wire_name(name)

    def _own_job(self, job: Any) -> JobMethod:
        found = self._kind.jobs.get(getattr(job, "__name__", ""))
        if found is None or getattr(job, "__self__", None) is not self:
            raise AgentError(
                f"{job!r} is no job: pass a method of this agent that has @job (self.work)", code="bad-target"
            )
        return found

    # Hooks -------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Once in an agent's life, before its first tick, committed on its own."""

    async def on_connect(self, connection: Connection, /) -> None:
        """A WebSocket is open: once, before any frame of it."""

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        """A frame that is not of the RPC protocol: text or binary."""

    async def on_disconnect(self, connection: Connection, /) -> None:
        """A WebSocket is gone: at most once, perhaps late."""

    async def on_job(self, done: JobDone, /) -> None:
        """A job of this agent has ended: once for each, in a tick like any other."""

    async def on_request(self, request: Request, /) -> Response | Any:
        """An HTTP request to /agents/{kind}/{key}: a Response, or text, bytes or JSON data for 200."""
        raise NotImplementedError

    def view(self) -> Any:
        """The public part of the state, sent to clients. The whole state by default.

        It has the state, key, now (the last commit's), config and connections of a committed snapshot, and nothing
        that acts or waits. When it fails on a new state, nothing is stored; at any other time that costs only the view.
        """
        return self.state

    @classmethod
    def migrate(cls, state: Mapping[str, Any], version: int, /) -> Mapping[str, Any]:
        """State stored under an older `state_version`, as data, made to fit the model of today."""
        return state


def succeed(agent: A) -> A:
    """The object of the agent's next tick; the one of the tick that is over has no state any more.

    Whatever that tick left behind holds the old one, whose effects are refused: a later tick must not carry them out.
    """
    next = agent.__class__.__new__(agent.__class__)
    next.__dict__.update(agent.__dict__)
    del agent.state
    return next


class Holder(Protocol):
    """What keeps an agent's object between two ticks."""

    agent: Any


def unshared(holder: Holder) -> bool:
    """Whether nobody but its holder has the agent's object: what a tick left behind has not, not even weakly."""
    alone: bool = getrefcount(holder.agent) == _SOLE and holder.agent.__weakref__ is None
    return alone


class _Sample:
    """Holds an object as a cell does."""

    __slots__ = ("agent",)

    def __init__(self) -> None:
        self.agent = object()


def _sole(holder: Holder) -> int:
    return getrefcount(holder.agent)


_SOLE = _sole(_Sample())
"""What one holder comes to, as this interpreter counts."""


def end(agent: Agent[Any, Any]) -> None:
    """The tick is over, and no other follows on it."""
    del agent.state


class AgentServices(Generic[E]):
    """What an agent reaches beyond its tick, a filled `Effects`; the runtime fills it."""

    def logger(self, tick: E) -> LoggerAdapter[Any]:
        raise NotImplementedError

    def http(self, tick: E) -> httpx.AsyncClient:
        raise NotImplementedError

    def asker(self, tick: E) -> Any:
        raise NotImplementedError

    def target(self, to: Address, name: str, internal: bool) -> Action:
        raise NotImplementedError

    def journaled(self) -> None:
        """NotSupported: this backend runs no jobs."""
        raise NotImplementedError

    async def tell_job(self, address: Address, uid: str, note: Note) -> Rung:
        raise NotImplementedError

    async def hold_job(self, address: Address, uid: str, held: bool) -> None:
        raise NotImplementedError


RESERVED = frozenset(n for n in vars(Agent) if not n.startswith("__")) | {"state", "config", "kind"}
