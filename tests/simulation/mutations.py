# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects. Each is one small patch of the product, and each must be seen by the simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from roost.contract.commit import AlreadyHandled, Commit, Entry
from roost.contract.errors import RoostError
from roost.contract.result import TickResult
from roost.contract.trigger import Occurrence
from roost.engine import cell, delivery, due, failure, inbox, mailbox, release, sending, turn
from roost.engine import waking as load
from roost.engine.mailbox import Waiting
from roost.engine.parking import Parking
from roost.engine.pump import Pump
from roost.engine.run import Run
from roost.hosting import timers
from roost.hosting.memory import MemoryStore, rows
from roost.sockets import protocol as session
from roost.tick import asker, tick
from roost.tick.image import Image
from roost_local.group import GroupCommit

from .clocks import CLOCKS
from .deploying import DEPLOYING
from .ending import ENDING
from .holding import HOLDING
from .mutation import Mutation
from .ordering import ORDERING
from .reading import READING
from .sharing import SHARED
from .toil_defects import TOILING


def _split(m: pytest.MonkeyPatch) -> None:
    whole = MemoryStore.commit

    async def split(self: MemoryStore, commit: Commit) -> Any:
        if commit.restored or not (commit.kv or commit.log or commit.outbox):
            return await whole(self, commit)
        answer = await whole(self, replace(commit, kv=(), log=(), seq=commit.seq - len(commit.log), outbox=()))
        if isinstance(answer, AlreadyHandled):
            return answer
        commit.base, commit.version = commit.version, commit.version + 1
        commit.handled = commit.consumed = None
        return await whole(self, commit)

    m.setattr(MemoryStore, "commit", split)


def _no_inbox(m: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> bool:
        return False

    m.setattr("roost.engine.attempt.replay", never)
    _no_inbox_in_store(m)


def _no_inbox_in_store(m: pytest.MonkeyPatch) -> None:
    whole = MemoryStore.commit

    async def commit(self: MemoryStore, commit: Commit) -> Any:
        found = self._rows(commit.address).inbox
        if commit.handled is not None:
            found.pop(rows.inbox_key(commit.handled), None)
        return await whole(self, commit)

    m.setattr(MemoryStore, "commit", commit)


def _no_dedupe(m: pytest.MonkeyPatch) -> None:
    whole = inbox.replay

    async def calls_only(one: cell.Cell, waiting: Waiting, image: Image) -> bool:
        return waiting.letter is None and await whole(one, waiting, image)

    m.setattr("roost.engine.attempt.replay", calls_only)
    _no_inbox_in_store(m)


def _early_tells(m: pytest.MonkeyPatch) -> None:
    whole = turn.write

    async def write(one: Run, ended: turn.Ended) -> turn.Written:
        if ended.commit is not None:
            delivery.deliver(one.cell, ended.commit.outbox)
            await one.cell.runtime.host.sleep(0.001)
        return await whole(one, ended)

    m.setattr(turn, "write", write)


def _early_reply(m: pytest.MonkeyPatch) -> None:
    whole = turn.write

    async def write(one: Run, ended: turn.Ended) -> turn.Written:
        waiting, commit = one.waiting, ended.commit
        if waiting.done is not None and commit is not None and commit.handled is not None and ended.error is None:
            waiting.done(TickResult("value", commit.handled.value, version=commit.version))
            await one.cell.runtime.host.sleep(0)
        return await whole(one, ended)

    m.setattr(turn, "write", write)


def _early_frames(m: pytest.MonkeyPatch) -> None:
    whole = tick.Tick.send

    def send(self: tick.Tick, to: tuple[str, ...], data: Any) -> None:
        whole(self, to, data)
        one: cell.Cell = self.live.__self__.cell  # type: ignore[union-attr]
        frames, self.frames = self.frames, []
        one.runtime.host.spawn(sending.send(one, frames, 0))

    m.setattr(tick.Tick, "send", send)


def _overwrite(m: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> bool:
        return False

    whole = turn._undone

    def undone(one: Run, lost: TickResult) -> TickResult:
        image, agent = one.cell.image, one.cell.agent
        lost = whole(one, lost)
        one.cell.image, one.cell.agent = image, agent
        return lost

    m.setattr(turn, "_happened", never)
    m.setattr(turn, "_undone", undone)
    m.setattr(rows, "check", lambda *_: None)


def _late_alarm(m: pytest.MonkeyPatch) -> None:
    whole = Image.plan

    def plan(self: Image, commit: Commit, promised: Any = ()) -> None:
        whole(self, commit, promised)
        if commit.armed is not None and commit.schedules:
            commit.armed += 7.0

    m.setattr(Image, "plan", plan)


def _no_alarm(m: pytest.MonkeyPatch) -> None:
    async def arm(self: cell.Cell, at: float | None) -> None:
        self.armed = at

    m.setattr(cell.Cell, "arm", arm)


def _no_redrive(m: pytest.MonkeyPatch) -> None:
    m.setattr(load, "redeliver", lambda *_: None)


def _not_consumed(m: pytest.MonkeyPatch) -> None:
    whole = Image.plan

    def plan(self: Image, commit: Commit, promised: Any = ()) -> None:
        if not commit.dead:
            commit.consumed = None
        whole(self, commit, promised)

    m.setattr(Image, "plan", plan)


def _log_reused(m: pytest.MonkeyPatch) -> None:
    whole = tick.Tick._fill

    def fill(self: tick.Tick, commit: Commit) -> None:
        whole(self, commit)
        if commit.seq > 3:
            commit.seq -= 1
            commit.log = tuple(Entry(e.seq - 1, e.kind, e.data, e.at) for e in commit.log)

    m.setattr(tick.Tick, "_fill", fill)


def _stale_runs(m: pytest.MonkeyPatch) -> None:
    whole = due.missing

    def missing(image: Image, trigger: Any, now: float) -> TickResult | None:
        if isinstance(trigger.payload, Occurrence) and trigger.payload.key in image.schedules:
            return None
        return whole(image, trigger, now)

    m.setattr("roost.engine.attempt.missing", missing)


class Fast:
    """A host whose clock is ahead."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def now(self) -> float:
        return float(self._host.now()) + 1.5

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def fast(host: Any) -> Any:
    return Fast(host)


def _early_rings(m: pytest.MonkeyPatch) -> None:
    due_now, missing = due.due_now, due.missing
    m.setattr("roost.engine.waking.due_now", lambda kind, image, host, queued: due_now(kind, image, fast(host), queued))
    m.setattr("roost.engine.attempt.missing", lambda image, trigger, now: missing(image, trigger, now + 1.5))


def _no_savepoint(m: pytest.MonkeyPatch) -> None:
    whole = GroupCommit._run_apart

    def apart(self: GroupCommit, batch: Any) -> list[Any]:
        real = self._connection

        class Careless:
            in_transaction = True

            def execute(self, sql: str, *values: Any) -> Any:
                return real.execute("SELECT 1" if sql == "ROLLBACK TO one" else sql, *values)

        self._connection = Careless()  # type: ignore[assignment]
        try:
            return whole(self, batch)
        finally:
            self._connection = real

    m.setattr(GroupCommit, "_run_apart", apart)


def _same_generation(m: pytest.MonkeyPatch) -> None:
    whole = rows.Rows.apply

    def apply(self: rows.Rows, commit: Commit, log_limit: int) -> None:
        whole(self, commit, log_limit)
        if commit.destroy:
            self.generation -= 1

    m.setattr(rows.Rows, "apply", apply)


def _late_frames(m: pytest.MonkeyPatch) -> None:
    whole = release.publish

    async def behind(one: Run, *rest: Any) -> None:
        one.cell.runtime.host.spawn(_after(one, rest))

    async def _after(one: Run, rest: Any) -> None:
        host = one.cell.runtime.host
        await host.sleep(host.entropy() % 100 / 50)
        await whole(one, *rest)

    m.setattr(turn, "publish", behind)


def _frames_as_they_come(m: pytest.MonkeyPatch) -> None:
    m.setattr(session.Session, "_numbered", lambda self, frame, size: self._frame(frame, ""))


def _last_first(m: pytest.MonkeyPatch) -> None:
    def take(self: mailbox.Mailbox) -> Waiting | None:
        return (self._urgent or self._standard).pop() if len(self) else None

    m.setattr(mailbox.Mailbox, "take", take)


def _other_ask(m: pytest.MonkeyPatch) -> None:
    whole = asker.TickAsker.ask

    async def ask(self: asker.TickAsker, target: Any, args: Any, kwargs: Any) -> Any:
        self.tick.asks += self.tick.seed % 1000
        return await whole(self, target, args, kwargs)

    m.setattr(asker.TickAsker, "ask", ask)


def _failed_effects(m: pytest.MonkeyPatch) -> None:
    m.setattr(tick.Tick, "discard", lambda self: None)


def _key_for_anything(m: pytest.MonkeyPatch) -> None:
    for where in (turn, failure):
        m.setattr(where, "handled", _no_print(inbox.handled))
    whole = inbox.replay

    async def replay(one: cell.Cell, waiting: Waiting, image: Image) -> bool:
        waiting.fingerprint = b""
        return await whole(one, waiting, image)

    m.setattr("roost.engine.attempt.replay", replay)


def _no_print(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: replace(whole(*args), fingerprint=b"")


# Real ones, as they were ----------------------------------------------------------------------------------


def _no_doubt(m: pytest.MonkeyPatch) -> None:
    m.setattr(cell.Cell, "doubt", lambda self: None)


def _late_letter(m: pytest.MonkeyPatch) -> None:
    m.setattr(Parking, "consumed", lambda self, n: None)


def _hot_alarm(m: pytest.MonkeyPatch) -> None:
    async def look(self: Pump[cell.Cell], one: cell.Cell) -> None:
        try:
            image = await load.ready(one)
        except RoostError:
            await one.rearm_later()
            return
        load.line_up(one, image)
        if not len(one.mailbox):
            await one.arm(image.armed)

    m.setattr(Pump, "look", look)


def _loud_alarm(m: pytest.MonkeyPatch) -> None:
    async def arm(self: cell.Cell, at: float | None) -> None:
        await self.runtime.alarms.arm(self.address, at)
        self.armed = at

    m.setattr(cell.Cell, "arm", arm)


def _one_scan(m: pytest.MonkeyPatch) -> None:
    async def redrive(self: timers.Timers) -> None:
        after = None
        while self.runtime is not None and (found := self._store.unfinished(1000, after)):
            await self._wake(found)
            after = found[-1]

    m.setattr(timers.Timers, "_redrive", redrive)


def _unpromised(m: pytest.MonkeyPatch) -> None:
    plan, settle = Image.plan, Image.settle
    m.setattr(Image, "plan", lambda self, commit, promised=(): plan(self, commit, [t for t in promised if t]))
    m.setattr(Image, "settle", lambda self, ids, at, promised=(): settle(self, ids, at, [t for t in promised if t]))


def _old_snapshot(m: pytest.MonkeyPatch) -> None:
    whole = load.load

    async def certain(one: cell.Cell) -> None:
        await whole(one)
        one.doubted = False

    m.setattr(load, "load", certain)


MUTATIONS: Final = (
    Mutation("a commit is split in two", _split),
    Mutation("the inbox is not looked into", _no_inbox),
    Mutation("a duplicate envelope runs again", _no_dedupe),
    Mutation("tells leave before the commit", _early_tells),
    Mutation("replies leave before the commit", _early_reply),
    Mutation("frames leave before the commit", _early_frames),
    Mutation("a stale writer overwrites", _overwrite),
    Mutation("the alarm is armed too late", _late_alarm),
    Mutation("the alarm is never set", _no_alarm),
    Mutation("the outbox is not redriven after a load", _no_redrive),
    Mutation("a letter is not consumed by the commit of its tick", _not_consumed),
    Mutation("a log number is used again", _log_reused),
    Mutation("a stale occurrence runs", _stale_runs),
    Mutation("a schedule rings early", _early_rings),
    Mutation("a failed write is not rolled back to its savepoint", _no_savepoint, "sqlite"),
    Mutation("a tombstone keeps its generation", _same_generation),
    Mutation("frames of later commits overtake", _late_frames),
    Mutation("numbered frames run as they come", _frames_as_they_come),
    Mutation("the mailbox is last in, first out", _last_first),
    Mutation("a re-run asks under another id", _other_ask, first=9),
    Mutation("a failed run keeps its effects", _failed_effects),
    Mutation("a key is taken for other arguments", _key_for_anything),
    Mutation("a letter whose parking had no answer is forgotten", _no_doubt, bug=True, first=70),
    Mutation("a late answer brings a consumed letter back", _late_letter, bug=True, first=131),
    Mutation("an alarm that lies in the past is set again at once", _hot_alarm, bug=True, first=150),
    Mutation("an alarm that can't be set is given up", _loud_alarm, bug=True),
    Mutation("the scan at the start is not tried again", _one_scan, bug=True),
    Mutation("a commit disarms a letter that is being parked", _unpromised, bug=True, first=289),
    Mutation("a letter that comes while its agent is loaded is not seen", _old_snapshot, "objects", True, 712_781),
    *DEPLOYING, *ORDERING, *ENDING, *CLOCKS, *READING, *SHARED, *HOLDING, *TOILING,
)  # fmt: skip
