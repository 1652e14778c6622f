"""What leaves after a commit: state frames, replies, envelopes (see delivery)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..contract.caller import expired
from ..contract.commit import Commit, Frame
from ..contract.errors import RoostError, TransientError
from ..contract.result import TickResult
from ..contract.trigger import Call, Connect, Disconnect, Message, SetState, Trigger
from ..protocol import frames
from .delivery import deliver
from .mailbox import Waiting
from .subscribers import Item, entry_item
from .viewing import state_frame

if TYPE_CHECKING:
    from ..tick.tick import Tick
    from .cell import Cell


async def release(cell: Cell, tick: Tick, waiting: Waiting, commit: Commit | None, result: TickResult) -> None:
    """The commit is durable: let everything out, in order."""
    runtime, image, address = cell.runtime, cell.image, cell.address
    out: list[Frame] = []
    watched = image is not None and commit is not None and bool(image.connections)
    if watched and commit is not None:
        state_frames(cell, tick, commit, out)
    out += tick.frames  # of a failed tick there are none
    version = 0 if image is None else image.version
    if (out or watched or tick.hangups) and cell.overtaken():
        runtime.log.warning("%s: the frames of version %d would come too late, and were not sent", address, version)
        out.clear()
        watched, version = False, 0
    if commit is not None or cell.replies(waiting):
        reply_frames(waiting, result, out)
    if cell.lives:
        await flush(cell)
    try:
        if out or watched:
            timeless = image is None or not image.expiring
            gone = await (runtime.wire.send(address, out, version) if timeless else transmit(cell, out, version))
            for cid in gone:
                cell.vanished(cid)
        for hangup in tick.hangups:
            await runtime.wire.close(address, hangup.cid, hangup.code, hangup.reason)
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
    reply_frames(waiting, result, out)
    if cell.lives:
        await flush(cell)
    if out:
        await send(cell, out, 0)
    cell.finish(waiting, result)


def live(cell: Cell, tick: Tick, waiting: Waiting, raw: bytes) -> None:
    """One chunk, at once and ungated: to the caller's stream and to subscribers (rules 17, 18)."""
    id = _chunk_id(tick, waiting)
    if cell.subscribers:
        for one in cell.subscribers:
            one.push(Item("chunk", tick.image.seq, "", id, raw, tick.at))
    payload = waiting.trigger.payload
    if isinstance(payload, Call) and payload.cid is not None and payload.rpc is not None:
        if not cell.lives:
            cell.runtime.host.spawn(flush(cell))
        if tick.chunks == 0 and waiting.guest:  # another host may have begun it, and died
            cell.lives.append(Frame((payload.cid,), frames.stream_reset(payload.rpc)))
        cell.lives.append(Frame((payload.cid,), frames.chunk(payload.rpc, raw)))
    if waiting.live is not None:
        waiting.live(id.encode(), raw)


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
    return f"{waiting.trigger.id or run}.{tick.attempt}-{run[:8]}.{tick.chunks}"


async def flush(cell: Cell) -> None:
    """Send the chunks that wait; none once another host may run the call anew."""
    if cell.lives:
        lives, cell.lives = cell.lives, []
        if not cell.overtaken():
            await send(cell, lives, 0)


async def send(cell: Cell, out: list[Frame], version: int) -> None:
    """Send frames; those the wire can't take are lost."""
    if version and cell.overtaken():
        return
    try:
        await transmit(cell, out, version)
    except RoostError as error:
        unsent(cell, error)


async def transmit(cell: Cell, out: list[Frame], version: int) -> Iterable[str]:
    """Send frames; which connections are gone. None goes to a caller whose time is over: its connection ends here, if
    no timer has ended it."""
    runtime, image = cell.runtime, cell.image
    over: set[str] = set()
    if image is not None and image.expiring:
        now = runtime.host.now()
        over = {cid for cid, expires in image.expiring.items() if expires <= now}
    if not over:
        return await runtime.wire.send(cell.address, out, version)
    kept = [Frame(to, x.data, x.binary) for x in out if (to := tuple(cid for cid in x.to if cid not in over))]
    error = expired()
    gone = await runtime.wire.send(cell.address, [*kept, Frame(tuple(over), frames.refusal(error))], version)
    for cid in over:
        await runtime.wire.close(cell.address, cid, frames.close_code(error), error.code)
        if cid not in cell.queued:  # a platform may say only later that it is gone: its row leaves now
            cell.queued.add(cid)
            leave = Disconnect(cid, frames.close_code(error), error.code)
            cell.mailbox.put(Waiting(Trigger("disconnect", leave, source="admin")))
            cell.kick()
    return gone


def unsent(cell: Cell, error: RoostError) -> None:
    """Frames were lost: nobody waits for them, so the log is told."""
    cell.runtime.log.warning("%s: frames were lost: %s", cell.address, error.message)


async def breathe(cell: Cell) -> None:
    """Between two chunks: send what waits and let the loop run, lest a stream that never waits starves the host
    and can't be cancelled."""
    await flush(cell)
    await cell.runtime.host.sleep(0)


def state_frames(cell: Cell, tick: Tick, commit: Commit, out: list[Frame]) -> None:
    """A changed state goes to every connection but the one that sent it; an earlier change to one greeted before it."""
    payload = tick.trigger.payload
    if isinstance(payload, Connect) and commit.state is None and cell.kind.stateful:
        frame, seen = state_frame(cell.view)
        if payload.seen != seen:
            out.append(Frame((payload.cid,), frame))
        return
    if commit.state is None or not cell.kind.stateful or (tick.fresh and commit.state == cell.kind.default):
        return
    image = cell.image
    assert image is not None
    to = tuple(cid for cid in image.connections if cid != tick.origin)
    if to:
        if image.view is None and not cell.kind.own_view:
            image.view = commit.state  # just written by this code: nothing to convert
        out.append(Frame(to, state_frame(cell.view)[0]))


def reply_frames(waiting: Waiting, result: TickResult, out: list[Frame]) -> None:
    """The RPC replies to whoever asked over a connection, and the refusals of client states."""
    for one in (waiting, *waiting.followers):
        payload = one.trigger.payload
        if isinstance(payload, Call):
            if payload.cid is None or payload.rpc is None:
                continue
            if result.error is None:
                out.append(Frame((payload.cid,), frames.result(payload.rpc, result.value)))
            else:
                out.append(Frame((payload.cid,), frames.failure(payload.rpc, result.error)))
        elif isinstance(payload, SetState):
            if result.error is not None:
                out.append(Frame((payload.cid,), frames.state_error(result.error, payload.seq)))
            elif payload.seq is not None:
                out.append(Frame((payload.cid,), frames.ack(payload.seq)))
        elif isinstance(payload, Message) and result.error is not None:
            out.append(Frame((payload.cid,), frames.bad_frame(result.error)))
