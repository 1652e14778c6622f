"""Waking an agent: its snapshot becomes the image, and what the last host left undone is taken up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..contract.commit import SCHEMA, Busy, Frame
from ..contract.errors import Quarantined, RoostError, TransientError
from ..contract.trigger import NOTHING, Disconnect, Trigger
from ..tick.image import Image
from .delivery import redeliver
from .due import build, due_now
from .failure import hide
from .lifecycle import move
from .mailbox import Waiting
from .quarantine import quarantine
from .sending import send
from .viewing import state_or_trouble

if TYPE_CHECKING:
    from ..contract.commit import Snapshot
    from .cell import Cell


async def ready(cell: Cell) -> Image:
    """The image, loaded if need be."""
    while cell.image is None:
        if cell.loading is not None:
            await cell.runtime.host.shielded(cell.loading)
            continue
        cell.loading = cell.runtime.host.future()
        cell.doubted = False
        try:
            await load(cell)
            if cell.doubted:  # a letter came after the snapshot was read
                cell.forget()
        except BaseException:  # half done is not done: the next one begins anew
            cell.forget()
            raise
        finally:
            cell.loading.set_result(None)
            cell.loading = None
    return cell.image


def line_up(cell: Cell, image: Image) -> None:
    """Queue what is due and is not in line yet."""
    for waiting, mark in due_now(cell.kind, image, cell.runtime.host, cell.queued):
        cell.queued.add(mark)
        cell.mailbox.put(waiting)


async def load(cell: Cell) -> None:
    """Fill `cell.image`. TransientError: not now; the cell is as before."""
    runtime = cell.runtime
    cell.status = move(cell.status, "waking")
    try:
        snapshot = await cell.fetch()
        if isinstance(snapshot, Busy):
            raise TransientError("another host works on this agent", code="busy")
        if snapshot.schema > SCHEMA or (snapshot.exists and snapshot.state_version > cell.kind.state_version):
            raise TransientError(
                f"{cell.address} was stored by a newer version of this app; deploy that version here",
                code="newer-schema", retry_after=5.0,
            )  # fmt: skip
    except BaseException:  # cancelled with its host, while others wait for it
        cell.status = move(cell.status, "asleep")
        raise
    image = cell.image = _with_jobs(cell, snapshot) if snapshot.jobs or cell.kind.jobs else Image(snapshot)
    cell.status = move(cell.status, "awake")
    armed = snapshot.armed
    cell.armed = armed if armed is not None and armed > runtime.host.now() else None  # what has rung is spent
    if image.exists:
        try:
            cell.lent = None
            cell.agent = await build(runtime, cell.kind, image)
            runtime.retries.over(cell.address)
        except Quarantined as error:
            await quarantine(cell, error)
            redeliver(cell, image)
            return
        except RoostError:
            raise
        except Exception as problem:  # of what the author opens for the agent: its callers are told, its pump goes on
            raise hide(cell, Trigger("start", NOTHING, source="admin"), problem) from problem
    earliest = image.earliest()
    # later than that: by a quarantine that newer code has ended
    disarmed = earliest is not None and (image.armed is None or image.armed > earliest)
    if image.due != earliest or disarmed:  # the columns and the rows must agree (rule 22)
        image.due = earliest
        image.settle((), runtime.host.now())
        await runtime.store.arm(cell.address, image.armed)
        await cell.arm(image.armed)
    await _recover(cell, image)


def _with_jobs(cell: Cell, snapshot: Snapshot) -> Image:
    from ..tick.jobs import JobImage

    look = partial(cell.runtime.look_at_jobs, cell.address)
    if snapshot.jobs and (cell.leases is None or snapshot.taken == "dead"):  # else they have bells under way
        look()
    return JobImage(snapshot, look)


async def _recover(cell: Cell, image: Image) -> None:
    """Letters, overdue schedules, envelopes, ghosts, unreleased state (rules 8, 22, 25)."""
    runtime = cell.runtime
    line_up(cell, image)
    if len(cell.mailbox):
        cell.kick()
    redeliver(cell, image)
    if not image.connections:
        return
    known = runtime.wire.open(cell.address)
    if known is None:
        if cell.leases is None or image.released >= image.version:
            return
        known = dict.fromkeys(image.connections, image.released)  # a host died between its commit and its frames
    for cid in image.connections:
        if cid not in known and cid not in cell.queued:
            cell.queued.add(cid)
            cell.mailbox.put(Waiting(Trigger("disconnect", Disconnect(cid), source="admin")))
            cell.kick()
    behind = tuple(c for c, v in known.items() if v < image.version and c in image.connections)
    if behind and image.released < image.version and image.exists and cell.kind.stateful:
        await send(cell, [Frame(behind, state_or_trouble(cell.view))], image.version)
