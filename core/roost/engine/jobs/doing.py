"""What the body of a job asked for, carried out: one attempt of it, and what its end comes to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Literal

from ...author.action import Retry
from ...author.job_errors import Fatal
from ...author.work import INSIDE, StepWork
from ...contract.encoding import checked
from ...contract.errors import AgentError, Rejected, RoostError, TransientError, sole
from ...contract.job import ROW_BYTES
from .acting import act
from .body import failure
from .outbound import StepKeys
from .scope import StepScope

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...contract.address import Address
    from .needs import Needs
    from .ordered import PendingCall

UNCOUNTED: Final = frozenset({"shutting-down", "limit-mailbox", "limit-mailbox-share", "busy", "quarantined", "lost"})
"""Codes of what is no attempt: the work was not begun, and is waited for."""
PATIENCE: Final = Retry(attempts=1, first=1.0, max=60.0)
"""Between those."""
ERROR_BYTES: Final = 120 * 1024
"""Of an error that is kept whole; of a larger one the first 1,000 characters are."""
ANSWER: Final = 30.0
"""Seconds that the answer of another agent is waited for; then it is asked again, under the same id."""
CALLS: Final = Retry(attempts=10, first=1.0, max=60.0)
"""Of ticks, readings and calls: under their id they are applied once, so only what is passing is tried again."""


@dataclass(frozen=True, slots=True)
class Done:
    """How an attempt ended."""

    kind: Literal["value", "failed", "tried"]
    data: bytes = b""
    """The value as JSON, or the error as `failure` writes it."""
    said: dict[str, Any] | None = None
    """Of `tried`: {"n": attempts that count, "waits": those that don't, "next": epoch seconds, "tries": ...}."""


async def attempt(
    runtime: Needs,
    address: Address,
    path: str,
    call: PendingCall,
    said: dict[str, Any],
    say: Callable[[str, bytes], None],
) -> Done:
    """Carry it out once. `said`: what the journal says of the attempts before. `say`: takes what it streams. Raises
    nothing but cancellation."""
    work = call.work
    host = runtime.host
    tries: dict[str, int] = said.get("tries") or {}
    keys: StepKeys | None = None
    try:
        if isinstance(work, StepWork):
            seconds = work.options.timeout
            keys = StepKeys(path, tries)
            tries_so_far = int(said.get("n", 0)) + 1
            scope = StepScope(runtime, address, path, host.monotonic() + seconds, keys, say, tries_so_far)
            try:
                data = await _step(runtime, work, scope, seconds)
            finally:
                keys.over = True
        else:
            data = await act(runtime, address, path, work, host.monotonic() + ANSWER)
            if len(data) > ROW_BYTES:
                raise _large(call.name, len(data))
        return Done("value", data)
    except Exception as raised:
        error = sole(raised)
        assert isinstance(error, Exception)  # what a group of exceptions holds
        trace = None if isinstance(error, RoostError) else error
        runtime.log.warning("%s: %s failed: %s", path, call.name, error, exc_info=trace)
        return _failed(runtime, call, said, error, tries if keys is None else keys.tries)


async def _step(runtime: Needs, work: StepWork, scope: StepScope, seconds: float) -> bytes:
    """The method of a step; what it returned as JSON that its annotation reads."""
    name, adapter = work.target.name, work.target.adapter
    token = INSIDE.set(scope)
    timeout = runtime.host.timeout(seconds)
    try:
        async with timeout:
            if work.thread:
                if not runtime.capabilities.threads:
                    raise Fatal(
                        f"run.thread: {runtime.capabilities.name} has no threads: write {name} with `await`, or leave "
                        "it to a service elsewhere",
                        code="no-threads",
                    )
                found = await runtime.host.in_thread(partial(work.target.do, *work.args, **work.kwargs))
            else:
                found = work.target.do(*work.args, **work.kwargs)
            value: Any = await found if isawaitable(found) else found
    except TimeoutError as error:
        if timeout.expired():
            raise AgentError(f"{name} did not return within {seconds:g} s", code="step-timeout") from error
        raise
    finally:
        INSIDE.reset(token)
    data = checked(adapter.dump_json(value, warnings=False), f"the result of {name}")
    if len(data) > ROW_BYTES:
        raise _large(name, len(data))
    try:
        adapter.validate_json(data)
    except ValueError as error:
        raise AgentError(
            f"{name} returned what its annotation does not read back: {error}", code="bad-result"
        ) from None
    return data


def _large(name: str, size: int) -> Fatal:
    return Fatal(
        f"the result of {name} has {size} bytes; the limit is {ROW_BYTES}: keep what is larger elsewhere, and return "
        "where it is",
        code="limit-step-result",
    )


def _failed(runtime: Needs, call: PendingCall, said: dict[str, Any], error: Exception, tries: dict[str, int]) -> Done:
    """Whether there is another attempt, and when."""
    work, now = call.work, runtime.host.now()
    step = isinstance(work, StepWork)
    retry: Retry = work.options.retry if step else CALLS
    count, waits = int(said.get("n", 0)), int(said.get("waits", 0))
    code = getattr(error, "code", "")
    if code in UNCOUNTED:
        waits += 1
        pause = PATIENCE.delay(waits)
        again = not call.once
    else:
        count += 1
        pause = retry.delay(count)
        hopeless = isinstance(error, (Rejected, Fatal)) or (not step and not isinstance(error, TransientError))
        again = not (hopeless or call.once) and count < retry.attempts
    if again:
        after = getattr(error, "retry_after", None)
        pause = max(pause, float(after or 0.0))
        return Done("tried", failure_of(error), {"n": count, "waits": waits, "next": now + pause, "tries": tries})
    return Done("failed", failure_of(error))


def failure_of(error: Exception) -> bytes:
    """An error as it is kept, whatever it holds."""
    try:
        data = failure(error)
        if len(data) <= ERROR_BYTES:
            return data
    except Exception:  # its data, or its text, is nothing that JSON can hold
        pass
    return failure(AgentError(ascii(str(error))[:1000], code=getattr(error, "code", None) or "step-failed"))
