"""What a job does to agents: ticks and readings of its own, calls of others. Applied once, under the id it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...author.work import CallWork, ReadWork, TickWork
from ...contract.errors import TransientError
from ...contract.fingerprint import fingerprint_of
from ...contract.result import TickResult
from ...contract.trigger import Call, Caller, Trigger
from ..mailbox import Waiting

if TYPE_CHECKING:
    from ...contract.address import Address
    from .needs import Needs


async def act(
    runtime: Needs, address: Address, id: str, work: TickWork | ReadWork | CallWork, deadline: float
) -> bytes:
    """A tick or a reading of the job's own agent, or a call of another: its result as JSON. `deadline`: monotonic."""
    host = runtime.host
    if isinstance(work, CallWork):
        trigger = Trigger(
            "call", Call(work.target.action.name, work.args, work.kwargs), work.target.idempotency_key or id, "agent",
            Caller(str(address), source="agent"), deadline=deadline,
        )  # fmt: skip
        return await runtime.courier.ask(work.target.address, trigger)
    if isinstance(work, ReadWork):
        trigger = Trigger(
            "call", Call(work.action.name, work.args, work.kwargs), None, "agent",
            Caller(str(address), source="agent"), deadline=deadline,
        )  # fmt: skip
        return (await runtime.dispatch(address, trigger)).raw()
    action = work.action
    trigger = Trigger(
        "completed", Call(action.name, work.args, work.kwargs, internal=True), id, "agent",
        Caller(str(address), source="agent"),
    )  # fmt: skip
    future = host.future()

    def done(result: TickResult) -> None:
        if not future.done():
            future.set_result(result)

    waiting = Waiting(trigger, done)
    waiting.action = action
    waiting.args, waiting.kwargs = action.bind(work.args, work.kwargs)
    waiting.fingerprint = fingerprint_of(action.name, work.args, work.kwargs)
    if runtime.closing:
        raise TransientError("the host is shutting down", code="shutting-down")
    runtime.cell(address).put(waiting)  # however long the agent is busy: nothing waits for the job meanwhile
    result: TickResult = await future
    return result.raw()
