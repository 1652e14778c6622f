"""Chunks: what a run streams, at once and ungated, to its caller and to subscribers (rules 17, 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.commit import Frame
from ..contract.errors import TransientError
from ..contract.result import TickResult, failed
from ..contract.trigger import Call
from ..protocol import frames
from .sending import send
from .subscribers import Item

if TYPE_CHECKING:
    from ..tick.tick import Tick
    from .cell import Cell
    from .mailbox import Waiting


def live(cell: Cell, tick: Tick, waiting: Waiting, raw: bytes) -> None:
    """One chunk, to the caller's stream and to subscribers."""
    id = _chunk_id(tick, waiting)
    if cell.subscribers:
        for one in cell.subscribers:
            one.push(Item("chunk", tick.image.seq, "", id, raw, tick.at))
    payload = waiting.trigger.payload
    if isinstance(payload, Call) and payload.cid is not None and payload.rpc is not None:
        if not cell.lives:
            cell.runtime.host.spawn(flush(cell))
        if tick.chunks == 0 and waiting.parked_as:  # another host may have begun it, and died
            cell.lives.append(Frame((payload.cid,), frames.stream_reset(payload.rpc)))
        cell.lives.append(Frame((payload.cid,), frames.chunk(payload.rpc, raw)))
    if waiting.live is not None:
        waiting.live(id.encode(), raw)


async def flush(cell: Cell) -> None:
    """Send the chunks that wait; none once another host may run the call anew."""
    if cell.lives:
        lives, cell.lives = cell.lives, []
        if cell.overtaken():
            cell.cut = True
        else:
            await send(cell, lives, 0)


def ends(cell: Cell, waiting: Waiting, result: TickResult) -> TickResult:
    """What whoever waits is told when chunks of the run may not have been sent: no stream with a gap ends well."""
    cell.cut = False
    return failed(carried_out()) if result.error is None and streams(waiting) else result


def streams(waiting: Waiting) -> bool:
    """Whoever waits gets chunks as they are made."""
    return waiting.live is not None or getattr(waiting.trigger.payload, "rpc", None) is not None


def carried_out() -> TransientError:
    """The end of a stream whose call took effect in an earlier run; asked again, that one's result is there."""
    return TransientError(
        "the call was carried out before; what it streamed now is void: ask again with its key for the result",
        code="stream-reset", retry_after=0.0,
    )  # fmt: skip


def void(cell: Cell, tick: Tick, waiting: Waiting) -> None:
    """What was streamed will never be committed: whoever follows the agent hears so before a new attempt begins."""
    if tick.chunks and cell.subscribers:
        for one in cell.subscribers:
            one.push(Item("stream-reset", tick.image.seq, "", _chunk_id(tick, waiting), b"null", tick.at))
    tick.chunks = 0


def _chunk_id(tick: Tick, waiting: Waiting) -> str:
    """{trigger}.{attempt}.{place}. The attempt is its number and eight digits of the run's own entropy: the number dies
    with a host that dies in the middle, and a run by the next host must not pass for the one that broke off."""
    run = f"{tick.seed:016x}"
    return f"{waiting.trigger.id or run}.{tick.attempt_no}-{run[:8]}.{tick.chunks}"
