"""Ticks of the operator: export, import, migrate, reset, destroy. They run no action and work in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from ..contract.commit import DeadLetter, Entry, Frame, Hangup, Letter
from ..contract.encoding import STORED_DEPTH, checked, encode
from ..contract.errors import Conflict, LimitExceeded, NotFound, Rejected, RoostError, TransientError, Unknown
from ..contract.refusals import changed
from ..contract.result import TickResult, failed
from ..contract.trigger import Destroy, Import, Purge
from ..tick.image import REDELIVER
from . import export
from .due import load_state, missing
from .lifecycle import move
from .outcome import happened
from .sending import send, unsent
from .settling import settle
from .viewing import state_or_trouble

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.commit import Commit
    from ..tick.image import Image
    from .cell import Cell
    from .jobs.leaving import Leaving
    from .mailbox import Waiting

PURGE: Final = 10.0
"""Seconds that one purge goes on, at most: what is left is for the next."""
DESTROYED: Final = 4410
"""Close code of a connection whose agent was destroyed: terminal for the JavaScript client (4000-4999)."""


async def administer(cell: Cell, waiting: Waiting, image: Image) -> None:
    """Run one; the waiting caller gets its result."""
    kind = waiting.trigger.kind
    try:
        absent = None if kind in ("import", "purge") else missing(image, waiting.trigger, 0.0)
        if absent is not None:
            result = absent
        elif kind == "export":
            if cell.settled:
                await settle(cell)
            result = TickResult("value", await _export(cell, image))
        elif isinstance(waiting.trigger.payload, Purge):
            result = TickResult("value", to_json({"purged": await _purge(cell, image, waiting.trigger.payload.id)}))
        else:
            commit = _commit(cell, waiting, image)
            hangups = _hangups(image) if kind == "destroy" else []
            await _write(cell, image, commit)
            await _close(cell, hangups)
            result = TickResult("value", to_json({"version": image.version}))
        result.version = image.version
    except TransientError as error:
        cell.forget()  # the store may be ahead of what is in memory
        result = failed(error)
    except RoostError as error:
        result = failed(error)
    cell.metrics.count(kind, result.outcome, 0.0)
    cell.finish(waiting, result)


async def _purge(cell: Cell, image: Image, id: str | None) -> int:
    """Take letters out of the mailbox, one commit each: each is gone or still there. At most `PURGE` seconds."""
    runtime, count, after = cell.runtime, 0, 0
    edge = runtime.host.monotonic() + PURGE
    while runtime.host.monotonic() < edge:
        page = await runtime.store.parked(cell.address, after, 100)
        if not page:
            break
        after = page[-1].n
        for letter in page:
            if letter.forwarded is not None or (id is not None and letter.id != id):
                continue
            commit = image.next_commit(image.at)
            commit.consumed = letter.n
            image.plan(commit, cell.parking.promised())
            await runtime.store.commit(commit)
            image.apply(commit)
            cell.parking.consumed(letter.n)
            count += 1
    if count:
        cell.forget()  # of those that were not loaded the image knows nothing
        cell.alarm()
    elif id is not None:
        raise NotFound(f"{cell.address} has no letter {id!r}", code="no-letter")
    return count


def _commit(cell: Cell, waiting: Waiting, image: Image) -> Commit:
    kind, payload = waiting.trigger.kind, waiting.trigger.payload
    at = max(cell.runtime.host.now(), image.at)
    if isinstance(payload, Import):
        if image.exists:
            raise Rejected(f"{cell.address} exists; destroy it before an import", code="exists", status=409)
        export.check(payload.document, cell.address)
        commit = export.restore(payload.document, image, at)
        load_state(cell.kind, commit.state, commit.state_version)
        if commit.jobs:
            cell.runtime.journaled()
        return commit
    commit = image.next_commit(at)
    if kind == "destroy":
        commit.destroy = True
        if isinstance(payload, Destroy):
            if image.version != payload.version:
                raise changed(cell.address, f"it is at version {image.version}, not {payload.version}")
            commit.waiting = payload.letters
            if cell.runtime.has_jobs:
                commit.jobs_seen = payload.jobs
    elif kind == "reset":
        commit.state, commit.state_version = cell.kind.default, cell.kind.state_version
    else:
        state = load_state(cell.kind, image.state, image.state_version)
        commit.state, commit.state_version = checked(cell.kind.to_bytes(state), "the state"), cell.kind.state_version
    return commit


async def _write(cell: Cell, image: Image, commit: Commit) -> None:
    runtime = cell.runtime
    image.plan(commit, cell.parking.promised())
    if commit.destroy:
        commit.next_due = None
        commit.armed = commit.at if image.outbox else None
    if commit.letters:
        times = [x.next for x in commit.letters if x.next]
        times += [t for t in (commit.next_due,) if t is not None]
        commit.next_due = min(times, default=None)
        commit.armed = min([commit.at + REDELIVER, *times])
    try:
        await runtime.store.commit(commit)
    except Unknown:
        if not await happened(runtime.store, commit):
            raise
    connections = dict(image.connections)
    image.apply(commit)
    cell.agent = None
    if commit.destroy:
        cell.status = move(cell.status, "destroyed")
        cell.parking.consumed(None)
        cell.forget()
    elif commit.restored:
        cell.forget()
        if commit.jobs:
            cell.runtime.look_at_jobs(cell.address)
    else:
        if cell.status == "quarantined":
            cell.status = move(cell.status, "awake")
        if connections and cell.kind.stateful:
            await send(cell, [_state(cell, tuple(connections))], image.version)
    await cell.arm(commit.armed)
    cell.alarm()


def _state(cell: Cell, to: tuple[str, ...]) -> Frame:
    return Frame(to, state_or_trouble(cell.view))


async def _close(cell: Cell, hangups: list[Hangup]) -> None:
    for hangup in hangups:
        try:
            await cell.runtime.wire.close(cell.address, hangup.cid, hangup.code, hangup.reason)
        except RoostError as error:
            unsent(cell, error)


def _hangups(image: Image) -> list[Hangup]:
    return [Hangup(cid, DESTROYED, "destroyed") for cid in image.connections]


async def _export(cell: Cell, image: Image) -> bytes:
    store, address, limit = cell.runtime.store, cell.address, cell.runtime.limits.export
    if image.outbox:
        raise Rejected(
            f"{address} still has {len(image.outbox)} tells under way; export it when they are delivered",
            code="outbox-not-empty", status=409, retry_after=1.0,
        )  # fmt: skip
    if not cell.runtime.has_jobs:
        return await _document(cell, image, None)
    from .jobs.leaving import Leaving

    leaving = Leaving(cell.runtime, address, lambda size: _fits(size, address, limit))
    try:
        await leaving.gather(bool(await store.journal.jobs(address)))
        raw = await _document(cell, image, leaving)
        await leaving.check()
    except RoostError as error:
        if error.code != "jobs-under-way":
            await leaving.release()
        raise
    return raw


async def _document(cell: Cell, image: Image, leaving: Leaving | None) -> bytes:
    store, address, limit = cell.runtime.store, cell.address, cell.runtime.limits.export
    size = 0 if leaving is None else leaving.size
    kv: list[tuple[str, bytes]] = []
    while page := list(await store.scan(address, "", kv[-1][0] if kv else "", 500)):
        kv += page
        size += sum(len(k) + len(v) for k, v in page)
        if size > limit:
            raise LimitExceeded(f"{address} has more than {limit} bytes of KV, the limit of an export", limit="export")
    log: list[Entry] = []
    while entries := list((await store.log(address, log[-1].seq if log else 0, frozenset(), 500))[0]):
        log += entries
        size += sum(len(e.data) for e in entries)
        _fits(size, address, limit)
    letters: list[Letter] = []
    while found := list(await store.parked(address, letters[-1].n if letters else 0, 500)):
        letters += found
        size += sum(len(x.args) for x in found)
        _fits(size, address, limit)
    dead: list[DeadLetter] = []
    while graves := list(await store.dead(address, dead[-1].n if dead else 0, 500)):
        dead += graves
        size += sum(len(d.letter.args) + len(d.error) for d in graves)
        _fits(size, address, limit)
    if cell.leases is not None:  # it was lost meanwhile, perhaps: no commit says so
        now = await cell.runtime.snapshot(address)
        if (now.generation, now.version) != (image.generation, image.version):
            raise Conflict(f"{address} changed while it was exported; export it again")
    mail = [x for x in letters if x.forwarded is None]
    document = export.dump(image, kv, log, mail, dead, None if leaving is None else leaving.found())
    raw = encode(document, f"the export of {address}", STORED_DEPTH)
    _fits(len(raw), address, limit)
    return raw


def _fits(size: int, address: Address, limit: float) -> None:
    if size > limit:
        raise LimitExceeded(f"the export of {address} is larger than {limit} bytes", limit="export")
