"""The event loop of a job's body: no I/O, FIFO, its clock the journal's, run by a plain callback of the host's loop.

Only facts of the journal resume the body, one at a time, each until nothing is ready. So whatever asyncio offers
(gather, task groups, queues, timeouts) does the same when the job is replayed (docs/decisions/011).

`pump` must not run inside a task: CPython 3.14 and Pyodide keep one running task a thread, not one a loop.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import warnings
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any, Final, TypeVarTuple, cast

from ...author.work import Again
from ...contract.errors import AgentError
from .ordered import OrderedFuture, OrderedLoop, OrderedTask, PendingCall
from .unjournaled import Unjournaled, refuse_unjournaled

Ts = TypeVarTuple("Ts")

TURNS: Final = 100_000
"""Callbacks that one fact may cause. Counted, never timed, so that a replay ends where the first run did."""
ROOT: Final = "0"
"""The branch of the body itself; the k-th task that a branch makes is `{branch}.{k}`."""
_ROUNDS: Final = 3
"""How often what is put away is cancelled: a `finally` may wait again."""
_DONE_TASKS: Final = 64
"""Tasks at which the list of them is first cleared of those that are done."""
_CALLBACK: Final = "-"
"""The branch of whatever is asked for outside any task, in a callback."""
_TASKS_FILE: Final = asyncio.tasks.__file__
_AS_COMPLETED: Final = frozenset({"as_completed", "_AsCompletedIterator.__init__"})
"""Where asyncio makes tasks of what as_completed is given: up to 3.12, and since."""
_LOG: Final = logging.getLogger("roost.job")


class Timer(asyncio.TimerHandle):
    """A timer of the body. It fires when the journal says so."""

    id: str = ""
    """Empty: it was due when it was made, and is not in the journal."""


class _Branch:
    """What one branch asked for so far."""

    __slots__ = ("calls", "children", "timers")

    def __init__(self) -> None:
        self.calls = self.children = self.timers = 0


class BodyLoop(OrderedLoop):
    """See the file's head. `salt` tells the tasks of one job from those of another in asyncio's own sets."""

    def __init__(self, salt: int, at: float) -> None:
        self.now = at
        self.timers: dict[str, Timer] = {}
        """Set and not fired."""
        self.wanted: dict[str, PendingCall] = {}
        """Asked for, without an outcome, in the order of asking."""
        self.passed: dict[str, PendingCall] = {}
        """Taken back by the body."""
        self.over = False
        """Nothing may be asked for any more."""
        self.silent = False
        """The body is replayed or put away: what its tasks say of themselves was said, or will be."""
        self._made = salt << 24
        self._rooted = False
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: list[OrderedTask] = []
        """All that are not done: asyncio's own references are weak."""
        self._room = _DONE_TASKS
        self._branches: dict[str, _Branch] = {}
        self._generators: list[AsyncGenerator[Any, Any]] = []

    # The pump ----------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Run until nothing is ready. AgentError `endless`: the body never waits."""
        host, hooks, collects = asyncio._get_running_loop(), sys.get_asyncgen_hooks(), gc.isenabled()
        asyncio._set_running_loop(self)
        sys.set_asyncgen_hooks(None, self._let_go)
        gc.disable()  # the finalizers of others must not run in here
        try:
            ready, left = self._ready, TURNS
            while ready:
                handle: Any = ready.popleft()
                if not handle._cancelled:
                    handle._run()
                left -= 1
                if not left:
                    raise AgentError(
                        f"the body of the job ran {TURNS:,} turns of its loop without waiting for anything: a loop "
                        "around `await asyncio.sleep(0)`? Wait for a step, or for a time",
                        code="endless",
                    )
        finally:
            if collects:
                gc.enable()
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(host)

    def fire(self, timer: Timer) -> None:
        """The journal says that it is time."""
        del self.timers[timer.id]
        self._ready.append(timer)

    def knows(self, timer: str) -> bool:
        """Whether a timer of this id was ever set: it may have been cancelled since."""
        branch, _, n = timer.rpartition(":t")
        found = self._branches.get(branch)
        return found is not None and n.isdecimal() and int(n) <= found.timers

    def count(self) -> int:
        """The number of the next future or task."""
        self._made += 1
        return self._made

    def dropped(self, call: PendingCall) -> None:
        """The body takes a call back."""
        self.wanted.pop(call.id, None)
        self.passed[call.id] = call

    def _branch(self) -> tuple[str, _Branch]:
        task = cast("OrderedTask | None", asyncio.current_task(self))
        name = _CALLBACK if task is None else task.branch
        found = self._branches.get(name)
        if found is None:
            found = self._branches[name] = _Branch()
        return name, found

    def branch(self) -> str:
        """The branch that runs."""
        return self._branch()[0]

    def next_call(self) -> str:
        """The identity of what the running branch asks for now. Unjournaled: no body runs, or the job has ended."""
        if asyncio._get_running_loop() is not self:
            raise Unjournaled(
                "only the body of a job asks for steps, and this is a step, a thread, or the host: "
                "return to the body and ask there"
            )
        if self.over:
            raise Unjournaled("the job has ended, or was put away: nothing is asked for any more")
        name, branch = self._branch()
        branch.calls += 1
        return f"{name}:{branch.calls}"

    # What asyncio asks of a loop ---------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if asyncio._get_running_loop() is not self:
            raise Unjournaled(
                "a thread, or the host's loop, calls into the body of a job, which only outcomes of steps resume: "
                "do it in `await run.step(self.method, ...)`"
            )
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = Timer(when, callback, args, self, context)
        if when <= self.now:
            self._ready.append(timer)
        else:
            name, branch = self._branch()
            branch.timers += 1
            timer.id = f"{name}:t{branch.timers}"
            self.timers[timer.id] = timer
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers.pop(cast(Timer, handle).id, None)

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[Any]:
        return OrderedFuture(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None, **more: Any) -> asyncio.Task[Any]:
        if asyncio.isfuture(coro):  # create_task(run.step(...)), which no loop takes as it is
            coro = _wait(coro)
        _refuse_unordered()
        if self._rooted:
            parent, branch = self._branch()
            branch.children += 1
            seat = f"{parent}.{branch.children}"
        else:
            self._rooted, seat = True, ROOT
        task = OrderedTask(coro, self, seat, context, name=name, **more)
        self._tasks.append(task)
        if len(self._tasks) > self._room:
            self._tasks = [t for t in self._tasks if not t.done()]
            self._room = max(_DONE_TASKS, 2 * len(self._tasks))
        return task

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Nothing: a traceback of each future costs what a replay costs."""

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        return self.over

    def get_task_factory(self) -> None:
        return None

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        if self.silent or isinstance(context.get("exception"), Again):  # a host that died with it had no time to look
            return
        _LOG.error("%s", context.get("message"), exc_info=context.get("exception"))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.default_exception_handler(context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing: `close` does it."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing: there is none."""

    # The end -----------------------------------------------------------------------------------------

    def end(self) -> None:
        """The body is done: what it left behind is cancelled, in order, and may ask for nothing more."""
        self.over = True
        self._close()

    def put_away(self) -> None:
        """Let the body's memory go. The journal is all that it is resumed from."""
        self.over = True
        self._close()

    def _close(self) -> None:
        """Cancel all that runs, so that what waits in a `finally` (task groups, streams of libraries) comes to its end
        on its own loop; what does not end so is closed where it stands."""
        self.silent = True
        with warnings.catch_warnings():  # a coroutine that its owner, cut off here, never came to await
            warnings.simplefilter("ignore", RuntimeWarning)
            self._cut()

    def _cut(self) -> None:
        alive = [task for task in self._tasks if not task.done()]
        try:
            for _ in range(_ROUNDS):
                for task in self._tasks:
                    if not task.done():
                        task.cancel()
                self.pump()
            for task in alive:
                _forget(task)
        except AgentError:
            self._ready.clear()
        host = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for task in reversed(self._tasks):
                if not task.done():
                    self._shut(task)
            for generator in self._generators:
                _shut(partial(_close_generator, generator))
        finally:
            asyncio._set_running_loop(host)
        self._ready.clear()
        self.timers.clear()
        self._generators.clear()
        self._tasks.clear()

    def _shut(self, task: OrderedTask) -> None:
        """Close what a task runs, as the task: what it holds (context variables, scopes of anyio) asks who runs."""
        asyncio.tasks._enter_task(self, task)
        try:
            task.context.run(_shut, cast("Coroutine[Any, Any, Any]", task.get_coro()).close)
        finally:
            asyncio.tasks._leave_task(self, task)

    def _let_go(self, generator: AsyncGenerator[Any, Any]) -> None:
        """The last reference to an async generator is gone.

        Inside the pump no collector runs, so a reference count did it, at the same place on replay. Outside, it was the
        collector, at a time of its own: that one is closed with the body.
        """
        if self.over:
            _shut(partial(_close_generator, generator))
        elif asyncio._get_running_loop() is self:
            self.create_task(generator.aclose())
        else:
            self._generators.append(generator)


refuse_unjournaled(BodyLoop)


def body_loop(salt: int, at: float) -> BodyLoop:
    """A loop for one life of a body; its clock begins at `at`."""
    complete: Any = BodyLoop  # what is refused has no `def` that type checkers could see
    return cast(BodyLoop, complete(salt, at))


async def _wait(future: asyncio.Future[Any]) -> Any:
    return await future


def _refuse_unordered() -> None:
    """as_completed of coroutines makes them tasks in the order of a set of addresses."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    for _ in range(5):
        code = frame.f_code
        if code.co_filename != _TASKS_FILE:
            return
        if code.co_qualname in _AS_COMPLETED:
            raise Unjournaled(
                "asyncio.as_completed of coroutines starts them in no certain order: pass it tasks, or use "
                "run.as_completed"
            )
        if frame.f_back is None:
            return
        frame = frame.f_back


def _forget(task: OrderedTask) -> None:
    """What a task that was cut off ended with keeps its frames, in a circle: they go now."""
    if task.cancelled():
        made: Any = task
        made._make_cancelled_error().__traceback__ = None
    elif task.done() and (error := task.exception()) is not None:
        error.__traceback__ = None


def _shut(close: Callable[[], Any]) -> None:
    """Close a coroutine. A `finally` that awaits, as that of Condition.wait, is closed again."""
    for _ in range(20):
        try:
            close()
        except RuntimeError as error:
            if "ignored GeneratorExit" in str(error):
                continue
        except BaseException:  # whatever the author's `finally` raises, there is nobody to hear it
            return
        return


def _close_generator(generator: AsyncGenerator[Any, Any]) -> None:
    step = generator.aclose()
    with suppress(StopIteration, StopAsyncIteration):
        step.send(None)
        step.close()
        raise RuntimeError("async generator ignored GeneratorExit")
    step.close()
