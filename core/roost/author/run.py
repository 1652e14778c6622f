"""`Run`: what the body of a job acts through. Whatever it does is journaled, and comes out the same when replayed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any, ParamSpec, Protocol, TypeVar, overload
from uuid import UUID

from ..contract.encoding import encode_arguments
from ..contract.limits import PORTABLE
from .action import Retry
from .step import Once, StepOptions, StepTarget, step_target

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StepWork:
    """A step that the body asked for: what its executor runs."""

    target: StepTarget
    options: StepOptions
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Asks(Protocol):
    """What the loop of a body does for `Run`."""

    def now(self) -> float:
        """Epoch seconds: when what the body heard last happened."""
        ...

    def branch(self) -> str:
        """Which branch of the body runs."""
        ...

    def ask(
        self, name: str, arguments: bytes, work: Any, decode: Callable[[bytes], Any], *, once: bool = False
    ) -> asyncio.Future[Any]:
        """Ask for what the journal will keep. `once`: it must not begin before the journal says so."""
        ...


class Run:
    """One run of a job. Its body is plain asyncio; threads, sockets and clocks belong into steps."""

    def __init__(self, asks: Asks, id: str) -> None:
        self._asks = asks
        self.id = id
        """The job's uid and the number of this run."""
        self._randoms: dict[str, Random] = {}

    @property
    def now(self) -> datetime:
        """Aware, UTC: when the outcome that the body heard last was journaled."""
        return datetime.fromtimestamp(self._asks.now(), UTC)

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

    def using(
        self, *, retry: Retry | None = None, timeout: float | timedelta | None = None, once: Once | None = None
    ) -> Using:
        """Steps with other options than their method's: `run.using(timeout=5).step(self.fetch, url)`."""
        given: dict[str, Any] = {}
        if retry is not None:
            given["retry"] = retry
        if timeout is not None:
            given["timeout"] = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if once is not None:
            given["once"] = once
        return Using(self._step, given)

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

    def _step(
        self, given: dict[str, Any], do: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> asyncio.Future[Any]:
        target = step_target(do)
        options = replace(target.options, **given) if given else target.options
        arguments = encode_arguments(args, kwargs, target.name, int(PORTABLE.arguments))
        work = StepWork(target, options, args, kwargs)
        return self._asks.ask(
            target.name, arguments, work, target.adapter.validate_json, once=options.once == "at_most"
        )

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
