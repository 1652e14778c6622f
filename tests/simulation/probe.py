"""The store with an observer in front: what really happened, whatever the callers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.commit import (
    AlreadyHandled,
    Busy,
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Handled,
    Lease,
    Letter,
    Page,
    Snapshot,
)
from roost.contract.errors import RoostError
from roost.contract.job import Claim, Note, Rung
from roost.contract.stream import StreamLine
from roost.contract.trigger import Source
from roost.hosting.resident import OwnedStore
from roost.journal import Journal

from .life import Sight, op_of
from .model import Model

T = TypeVar("T")
TAIL = 3


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """The result of a call that never waits: the reads of every store here."""
    try:
        call.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    raise AssertionError("a read of a store waited")


class ProbeStore:
    """Fills the port `Store` for all hosts."""

    def __init__(
        self, real: OwnedStore, model: Model, now: Callable[[], float], delivered: set[str], *, scans: bool
    ) -> None:
        self.real = real
        self.model = model
        self.now = now
        self.scans = scans
        """Whether a new host finds what the last left undone by a scan; else only by what is armed."""
        self.delivered = delivered
        self._writing: set[asyncio.Task[Any]] = set()
        self.waits = False
        """The store's writes take time."""

    @property
    def journal(self) -> Journal:
        return self.real.journal if self.model.jobs is None else cast(Journal, ProbeJournal(self))

    def sight(self, address: Address) -> Sight:
        """What is stored of an agent."""
        snapshot = cast(Snapshot, at_once(self.real.load(address)))
        kv = at_once(self.real.get(address, ("n",)))
        log = at_once(self.real.log(address, max(0, snapshot.seq - TAIL), frozenset(), TAIL))[0]
        letters = snapshot.letters
        if snapshot.waiting > len(letters):
            letters = tuple(at_once(self.real.parked(address, 0, 100_000)))
        return Sight(snapshot, int(from_json(kv["n"])) if "n" in kv else 0, tuple(log), letters)

    # Writes ------------------------------------------------------------------------------------------

    async def own(self, write: Coroutine[Any, Any, T]) -> T:
        """Whoever asked may die while the store writes: what it wrote must be seen all the same."""
        if not self.waits:
            return await write
        task = asyncio.get_running_loop().create_task(write)
        self._writing.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may have died: then a failure is nobody's to hear

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        return await self.own(self._commit(commit))

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return await self.own(self._park(address, letter, limit, armed))

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self.own(self._settle(address, ids, armed))

    async def purge(self, address: Address, id: str | None) -> int:
        return await self.real.purge(address, id)

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self.own(self._redrive(address, id))

    async def _commit(self, commit: Commit) -> Committed | AlreadyHandled:
        note = self.model.history.note
        try:
            done = await self.real.commit(commit)
        except RoostError as error:
            note("refused", f"{commit.address} v{commit.version} {error.code}")
            raise
        if isinstance(done, AlreadyHandled):
            note("already-handled", f"{commit.address} {done.handled.id}")
            return done
        note("commit", f"{commit.address} v{commit.version} armed={commit.armed}")
        self.model.committed(commit, self.sight(commit.address), self.now())
        return done

    async def _park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        found = await self.real.park(address, letter, limit, armed)
        self.model.history.note("park", f"{address} {found.n} {letter.id}")
        self.model.was_parked(address, found)
        return found

    async def _settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self.real.settle(address, ids, armed)
        self.model.history.note("settle", f"{address} {' '.join(ids)} armed={armed}")
        self.model.settled(address, ids, self.sight(address), self.now(), self.delivered)

    async def arm(self, address: Address, at: float | None) -> None:
        await self.real.arm(address, at)
        self.model.history.note("arm", f"{address} {at}")

    async def _redrive(self, address: Address, id: str | None) -> int:
        graves = at_once(self.real.dead(address, 0, 1000))
        count = await self.real.redrive(address, id)
        self.model.history.note("redrive", f"{address} {count}")
        ops = [op_of(d.letter.args) for d in graves if id is None or d.letter.id == id]
        self.model.redriven(address, ops, at_once(self.real.parked(address, 0, 1000)))
        return count

    # Reads -------------------------------------------------------------------------------------------

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        self.model.history.note("load", str(address))
        return await self.real.load(address, lease)

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self.real.get(address, keys)

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return await self.real.scan(address, prefix, after, limit, reverse)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return await self.real.handled(address, prefix)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return await self.real.outcome(address, source, principal, id)

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return await self.real.parked(address, after, limit)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return await self.real.log(address, after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self.real.dead(address, after, limit)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return await self.real.list(kind, prefix, cursor, limit)

    async def size(self, address: Address) -> int:
        return await self.real.size(address)

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]:
        return self.real.due(now, limit)

    def next_armed(self, after: float) -> float | None:
        return self.real.next_armed(after)

    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]:
        return self.real.unfinished(limit, after) if self.scans else ()

    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        return self.real.ahead(addresses)


class ProbeJournal:
    """Fills the port `Journal`: rows are told to the model."""

    def __init__(self, probe: ProbeStore) -> None:
        self._probe = probe

    def __getattr__(self, method: str) -> Any:
        """All else, whoever asked for it being dead or not."""

        async def call(*given: Any, **more: Any) -> Any:
            return await self._probe.own(getattr(self._probe.real.journal, method)(*given, **more))

        return call

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        return await self._probe.own(self._stream(claim, line, drop))

    async def _stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        done = await self._probe.real.journal.stream(claim, line, drop)
        jobs = self._probe.model.jobs
        if done and jobs is not None and jobs.streams is not None:
            jobs.streams.stored(claim, line)
        return done

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        return await self._probe.own(self._ring(address, uid, note, now))

    async def _ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        done = await self._probe.real.journal.ring(address, uid, note, now)
        jobs = self._probe.model.jobs
        if done.note is not None and jobs is not None and jobs.telling is not None:
            jobs.telling.rung(address, uid, done.note)
        return done

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        return await self._probe.own(self._append(claim, position, data, again, ended))

    async def _append(self, claim: Claim, position: int, data: bytes, again: bytes | None, ended: float | None) -> bool:
        done = await self._probe.real.journal.append(claim, position, data, again=again, ended=ended)
        model = self._probe.model
        if done and model.jobs is not None:
            model.jobs.appended(claim, position, data, model.life(claim.address).generation)
        return done
