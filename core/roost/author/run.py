"""`Run`: what the body of a job acts through. Whatever it does is journaled, and comes out the same when replayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from inspect import iscoroutinefunction
from logging import LoggerAdapter
from random import Random
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar, cast, overload
from uuid import UUID

from pydantic_core import from_json

from ..contract.encoding import encode_arguments
from ..contract.errors import AgentError, NotSupported
from ..contract.limits import PORTABLE
from ..contract.stream import DEFAULT
from .action import Retry
from .asking import (
    Answer,
    ResultWork,
    adapter_of,
    answer_decoder,
    question_id,
    question_work,
    signal_decoder,
    wait_work,
)  # fmt: skip
from .remote import RemoteAction, typed
from .step import Once, StepOptions, StepTarget, step_target
from .work import INSIDE, Again, Asks, CallWork, ReadWork, Scope, StepWork, TickWork

if TYPE_CHECKING:
    import httpx

    from .action import Action
    from .job_method import JobMethod, JobRef
    from .job_stream import JobStream

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Cancelled = asyncio.CancelledError
"""What the body of a job hears that is cancelled: let it pass, when what must be tidied is tidied."""


_SAID: Final[Any] = object()
"""A step's type is what its annotation says."""
RUNNING: Final[ContextVar[Run | None]] = ContextVar("roost_run", default=None)
"""Set in the body, its steps and what they start."""


class Run:
    """One run of a job. Its body is plain asyncio; threads, sockets and clocks belong into steps."""

    def __init__(
        self,
        asks: Asks,
        id: str,
        log: LoggerAdapter[Any] | None = None,
        pack: Callable[[tuple[Any, ...], dict[str, Any]], bytes] | None = None,
        jobs: Mapping[str, JobMethod] | None = None,
        config: Any = None,
    ) -> None:
        """`pack`: arguments of the job, checked, as JSON. `jobs`: of the agent's class, by name."""
        self._asks = asks
        self._pack = pack
        self._jobs = jobs or {}
        self.config = config
        """Of the agent whose job it is: for what has no `self` at hand."""
        self.id = id
        """The job's uid and the number of this run."""
        self._log = log
        self._randoms: dict[str, Random] = {}

    @staticmethod
    def current() -> Run:
        """The run whose body or step this is: for methods that are not given it. AgentError `no-run`: it is neither."""
        found = RUNNING.get()
        if found is None:
            raise AgentError("Run.current() is for the body of a job and its steps: here is no run", code="no-run")
        return found

    @property
    def now(self) -> datetime:
        """Aware, UTC: when the outcome that the body heard last was journaled."""
        return datetime.fromtimestamp(self._asks.now(), UTC)

    @property
    def log(self) -> LoggerAdapter[Any]:
        """A logger that carries the agent's address and the job. Silent while what happened before is replayed."""
        assert self._log is not None
        return self._log

    @property
    def random(self) -> Random:
        """Numbers that a replay draws again, for each branch its own."""
        branch = self._asks.branch()
        found = self._randoms.get(branch)
        if found is None:
            seed = blake2b(f"{self.id}/{branch}".encode(), digest_size=16).digest()
            found = self._randoms[branch] = Random(int.from_bytes(seed, "big"))
        return found

    def uuid(self) -> UUID:
        """A random UUID, the same when replayed."""
        return UUID(int=self.random.getrandbits(128), version=4)

    @property
    def here(self) -> bool:
        """Whether the body itself calls this; False in a step, and outside of the job."""
        return INSIDE.get() is None and self._asks.here()

    @property
    def attempt(self) -> int:
        """In a step: which attempt of it runs, from 1. In the body 0."""
        scope = INSIDE.get()
        return 0 if scope is None else scope.attempt

    @property
    def http(self) -> httpx.AsyncClient:
        """In a step: the agent's outbound HTTP, as `self.http`. AgentError `unjournaled`: in the body."""
        scope = INSIDE.get()
        if scope is None:
            raise AgentError(
                "run.http is there in a step: what an answer says would be another when the job is replayed; send it "
                "in await run.step(self.method, ...)",
                code="unjournaled",
            )
        return scope.http()

    def using(
        self, *, retry: Retry | None = None, timeout: float | timedelta | None = None, once: Once | None = None,
        name: str | None = None, type: Any = _SAID,
    ) -> Using:  # fmt: skip
        """Steps with other options than their method's: `run.using(timeout=5).step(self.fetch, url)`.

        `name`: what the journal calls them, which must not change while jobs run. `type`: what they return, where no
        annotation says so. With both a step may be any callable.
        """
        given: dict[str, Any] = {}
        if retry is not None:
            given["retry"] = retry
        if timeout is not None:
            given["timeout"] = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if once is not None:
            given["once"] = once
        return Using(partial(self._step, name=name, type=type), given)

    @overload
    def step(
        self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[R]: ...
    @overload
    def step(self, do: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]: ...
    def step(self, do: Callable[..., Any], /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        """Run a method outside the body, at least once, and keep its outcome: the body gets it read back by the return
        annotation. StepFailed: it failed for good. StepUnknown: it may run once at most, and its host died."""
        return self._step({}, do, args, kwargs)

    def thread(self, do: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """A step whose function blocks: it runs in a thread. Fatal `no-threads` where there are none.

        A step that is cancelled, or takes longer than its timeout, leaves its thread running; what that comes to counts
        for nothing.
        """
        return self._step({}, do, args, kwargs, thread=True)

    def _step(
        self, given: dict[str, Any], do: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        name: str | None = None, type: Any = _SAID, thread: bool = False,
    ) -> asyncio.Future[Any]:  # fmt: skip
        if thread and iscoroutinefunction(do):
            raise AgentError(f"run.thread: {do.__name__} is a coroutine function: run.step(...)", code="bad-step")
        if name is not None and type is not _SAID:
            target = StepTarget(do, name, StepOptions(), adapter_of(type))
        else:
            target = step_target(do)
            if name is not None:
                target = replace(target, name=name)
            elif type is not _SAID:
                target = replace(target, adapter=adapter_of(type))
        options = replace(target.options, **given) if given else target.options
        arguments = encode_arguments(args, kwargs, target.name, int(PORTABLE.arguments))
        work = StepWork(target, options, args, kwargs, thread)
        return self._asks.ask(
            target.name, arguments, work, target.adapter.validate_json, once=options.once == "at_most"
        )

    def tick(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run a method of the job's own agent as a tick: atomic, applied once. It waits its turn like any other."""
        action, data, copy = _own(do, args, kwargs, "tick")
        if action.options.readonly:
            raise AgentError(
                f"run.tick: {action.attr} is readonly: run.read(self.{action.attr}, ...)", code="bad-target"
            )
        work = TickWork(action, tuple(copy["args"]), copy["kwargs"])
        return self._act(f"tick:{action.name}", data, work, partial(_result, action))

    def read(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run a readonly action of the job's own agent, on its committed state; the journal keeps the result."""
        action, data, copy = _own(do, args, kwargs, "read")
        if not (action.options.readonly and action.public):
            raise AgentError(
                f"run.read: {action.attr} is not readonly: give it @action(readonly=True), or use run.tick",
                code="bad-target",
            )
        work = ReadWork(action, tuple(copy["args"]), copy["kwargs"])
        return self._asks.ask(f"read:{action.name}", data, work, partial(_result, action))

    def call(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run an action of another agent, once: `run.call(self.agent(Ledger, "x").add, 3)`."""
        target: Any = do
        if not isinstance(target, RemoteAction):
            raise AgentError(
                f"run.call: {do!r} is no action of another agent: `self.agent(Other, key).add`. For a method of the "
                "job's own agent there are run.tick and run.read",
                code="bad-target",
            )
        if target.action.streams:
            raise NotSupported(f"{target.address}.{target.action.name} streams: a job can't read a stream yet")
        what = f"{target.address}.{target.action.name}"
        data, copy = target.action.pack(args, kwargs, what, int(PORTABLE.arguments))
        work = CallWork(target, tuple(copy["args"]), copy["kwargs"])
        return self._act(f"call:{what}", data, work, partial(typed, target))

    def _act(
        self, name: str, arguments: bytes, work: TickWork | CallWork, decode: Callable[[bytes], Any]
    ) -> Awaitable[Any]:
        scope = INSIDE.get()
        if scope is None:
            return self._asks.ask(name, arguments, work, decode)

        async def inside() -> Any:
            return decode(await scope.act(work))

        return inside()

    def question(
        self, type: type[T], text: str, *, who: str | None = None, timeout: float | timedelta | None = None
    ) -> asyncio.Future[Answer[T]]:
        """Ask somebody outside, and wait for it as long as it takes; a job that only waits holds no memory.

        `who`: the role a client must have to answer; None: whoever started the job may. `timeout` (seconds or
        timedelta): then QuestionExpired. Rejected `bad-answer`: what was answered is no `type`.
        """
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        work = question_work(type, text, who, seconds)
        return self._asks.ask("question", work.data, work, answer_decoder(type))

    def question_id(self, question: asyncio.Future[Answer[Any]], /) -> str:
        """Of a question that `question` has just asked: what it is answered under."""
        call: Any = question
        uid, _, number = self.id.rpartition("/")
        return question_id(uid, number, call.id)

    @overload
    def wait(self, name: str, type: type[T], /) -> asyncio.Future[T]: ...
    @overload
    def wait(self, name: str, /) -> asyncio.Future[Any]: ...
    def wait(self, name: str, type: Any = Any, /) -> asyncio.Future[Any]:
        """The next signal of this name, also one that came before. Rejected `bad-signal`: what it holds is no `type`.

        Signals of a name come in the order in which they were told. One that nobody waits for is kept.
        """
        work = wait_work(name)
        return self._asks.ask(f"wait:{name}", b"", work, signal_decoder(type))

    @overload
    def stream(self, name: str, type: type[T], /) -> JobStream[T]: ...
    @overload
    def stream(self, name: str = ..., /) -> JobStream[Any]: ...
    def stream(self, name: str = DEFAULT, type: Any = Any, /) -> JobStream[Any]:
        """A stream of this job: what steps `emit` there is read live, and from the store by whoever comes later.

        Get it anywhere; emit in steps. In a step that is a method: `Run.current().stream(...)`.
        """
        from .job_stream import JobStream

        return JobStream(name, type, _stepping)

    def emit(self, item: Any, /) -> None:
        """Say something in the stream `default`: `run.stream().emit(item)`."""
        self.stream().emit(item)

    def result(self, job: JobRef[R], /) -> asyncio.Future[R]:
        """What another job of this agent returns, once it has ended. StepFailed: it ended with an error, whose code is
        kept; NotFound: there is no such job any more (what it came to is kept for a day)."""
        method = self._jobs.get(job.name)
        if method is None or job.id == self.id.partition("/")[0]:
            raise AgentError(
                f"run.result: {job!r} is no other job of this agent; of another agent's job ask by "
                "run.call(self.agent(...).action), with an action that says what it came to",
                code="bad-target",
            )
        work = ResultWork(job.id)
        name = f"result:{job.name}"
        return cast("asyncio.Future[R]", self._asks.ask(name, job.id.encode(), work, partial(_result, method.action)))

    def again(self, *args: Any, **kwargs: Any) -> NoReturn:
        """End this run and begin the job anew with these arguments, its journal empty: for what goes on for long.

        It stays the same job: its id, key and deadline. Signals that nobody took stay, open questions are closed. Call
        it in the body itself. A job that is cancelled ends all the same.
        """
        assert self._pack is not None
        raise Again(self._pack(args, kwargs))

    async def sleep(self, delay: float | timedelta) -> None:
        """Seconds or timedelta. A job that only waits holds no memory."""
        await asyncio.sleep(delay.total_seconds() if isinstance(delay, timedelta) else delay)

    async def first(self, *awaitables: Awaitable[R]) -> tuple[int, R]:
        """The place of what is done first, and its result; the others are cancelled."""
        tasks = [asyncio.ensure_future(a) for a in awaitables]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next((i, t.result()) for i, t in enumerate(tasks) if t.done())
        finally:
            for task in tasks:
                task.cancel()

    async def as_completed(self, awaitables: Iterable[Awaitable[R]]) -> AsyncIterator[R]:
        """Results in the order in which they come."""
        done: asyncio.Queue[asyncio.Future[R]] = asyncio.Queue()
        tasks = [asyncio.ensure_future(a) for a in awaitables]
        for task in tasks:
            task.add_done_callback(done.put_nowait)
        try:
            for _ in tasks:
                yield (await done.get()).result()
        finally:
            for task in tasks:
                task.cancel()


class Using:
    """Steps with options given at the call."""

    def __init__(self, ask: Callable[..., asyncio.Future[Any]], given: dict[str, Any]) -> None:
        self._ask = ask
        self._given = given

    def step(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """Like `Run.step`."""
        return self._ask(self._given, do, args, kwargs)

    def thread(self, do: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """Like `Run.thread`."""
        return self._ask(self._given, do, args, kwargs, thread=True)


def _stepping(what: str) -> Scope:
    """The step that runs. AgentError `unjournaled`: it is the body."""
    found = INSIDE.get()
    if found is None:
        raise AgentError(
            f"run.{what} in the body of a job: it would be said again with each replay. Emit in a step, `await "
            "run.step(self.method, ...)`: there it is said once, and void if the step runs again",
            code="unjournaled",
        )
    return found


def _own(do: Any, args: tuple[Any, ...], kwargs: dict[str, Any], what: str) -> tuple[Action, bytes, dict[str, Any]]:
    """A method of the job's own agent, and its arguments as JSON and as data."""
    owner: Any = getattr(do, "__self__", None)
    kind: Any = getattr(owner, "_kind", None)
    if isinstance(do, RemoteAction) or kind is None or isinstance(owner, type):
        raise AgentError(
            f"run.{what}: {do!r} is no method of this agent: pass self.method, or use run.call for another agent's",
            code="bad-target",
        )
    name: str = getattr(do, "__name__", "")
    if name in kind.jobs:
        raise AgentError(f"run.{what}: {name} is a job, which a tick starts: self.start(...)", code="bad-target")
    action = cast("Action", kind.target(kind.wire_name(name)))
    if action.streams:
        raise AgentError(f"run.{what}: {name} streams, and a job can't read a stream yet", code="bad-target")
    data, copy = action.pack(args, kwargs, f"{kind.name}.{action.name}", int(PORTABLE.arguments))
    return action, data, copy


def _result(action: Action, value: bytes) -> Any:
    """The result as annotated."""
    from .equality import adapter

    if action.result is Any:
        return from_json(value)
    return None if action.result is None else adapter(action.result).validate_json(value, by_alias=True, by_name=True)
