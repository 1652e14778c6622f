"""What leaves after a commit: state frames, replies, envelopes (see delivery)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.commit import Commit, Frame
from ..contract.errors import RoostError
from ..contract.result import TickResult
from ..contract.trigger import Connect
from ..protocol.frames import state as state_bytes
from .chunks import ends, flush
from .delivery import deliver
from .replies import reply_frames
from .sending import send, transmit, unsent
from .subscribers import entry_item
from .viewing import state_frame, state_or_trouble

if TYPE_CHECKING:
    from ..tick.tick import Tick
    from .cell import Cell
    from .mailbox import Waiting
    from .run import Run


async def publish(run: Run, commit: Commit | None, result: TickResult) -> None:
    """The commit is durable, or there is none: let everything out, in order."""
    cell, tick, waiting = run.cell, run.tick, run.waiting
    image = cell.image
    out = tick.frames  # of a failed tick there are none
    watched = False
    version = 0
    if image is not None:
        version = image.version
        if commit is not None and image.connections:
            watched = True
            if (state := _state(cell, tick, commit)) is not None:
                out.insert(0, state)
    if cell.leases is not None and (out or watched or tick.hangups) and cell.overtaken():
        cell.runtime.log.warning(
            "%s: the frames of version %d would come too late, and were not sent", cell.address, version
        )
        out.clear()
        watched, version = False, 0
    if cell.lives:
        await flush(cell)
    if cell.cut:
        result = ends(cell, waiting, result)
    if commit is not None or cell.leases is None or cell.replies(waiting):
        reply_frames(waiting, result, out)
    if out or watched or tick.hangups:
        wire = cell.runtime.wire
        try:
            if out or watched:
                timeless = image is None or not image.expiring
                gone = await (wire.send(cell.address, out, version) if timeless else transmit(cell, out, version))
                for cid in gone:
                    cell.vanished(cid)
            for hangup in tick.hangups:
                await wire.close(cell.address, hangup.cid, hangup.code, hangup.reason)
        except RoostError as error:  # frames are at most once; what else the commit owes must still leave
            unsent(cell, error)
    if commit is not None:
        if commit.log and cell.subscribers:
            for entry in commit.log:
                for one in cell.subscribers:
                    one.push(entry_item(entry))
        if commit.armed != cell.armed:
            await cell.arm(commit.armed)
        if commit.outbox:
            deliver(cell, commit.outbox)
    cell.finish(waiting, result)


async def reply(cell: Cell, waiting: Waiting, result: TickResult) -> None:
    """Answer without a commit."""
    out: list[Frame] = []
    if cell.lives:
        await flush(cell)
    if cell.cut:
        result = ends(cell, waiting, result)
    reply_frames(waiting, result, out)
    if out:
        await send(cell, out, 0)
    cell.finish(waiting, result)


def _state(cell: Cell, tick: Tick, commit: Commit) -> Frame | None:
    """A changed state goes to every connection but the one that sent it; an earlier change to one greeted before it."""
    kind, state = cell.kind, commit.state
    if not kind.stateful:
        return None
    if state is None:
        payload = tick.trigger.payload
        if isinstance(payload, Connect):
            frame, seen = state_frame(cell.view)
            if payload.seen != seen:
                return Frame((payload.cid,), frame)
        return None
    if tick.fresh and state == kind.default:
        return None
    image = cell.image
    assert image is not None
    if tick.origin is None:
        to = tuple(image.connections)
    else:
        to = tuple(cid for cid in image.connections if cid != tick.origin)
    if not to:
        return None
    if image.view is None and not kind.own_view:
        image.view = state  # just written by this code: nothing to convert
    shown = image.view
    return Frame(to, state_bytes(shown) if isinstance(shown, bytes) else state_or_trouble(cell.view))
