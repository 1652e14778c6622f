"""What one commit writes: the change of the head, the lines of its transaction, and the head after it."""

from __future__ import annotations

import copy
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from roost.contract.commit import SCHEMA, Commit, Gone, Schedule, Unschedule
from roost.contract.errors import LimitExceeded

from . import keys, rows
from .change import Change, key
from .client import Item
from .columns import (
    ARMED,
    AT,
    ATTEMPTS,
    BELL,
    DEAD_LETTERS,
    DUE,
    EPOCH,
    FENCE,
    FIRST_ENTRY,
    GENERATION,
    HEARD,
    JOBBED,
    LEFT,
    LISTED_KEY,
    LISTED_KIND,
    NEXT,
    NONCE,
    OWNER,
    PEERED,
    PIECES,
    RELEASED,
    SCHEDULED,
    SCHEMA_VERSION,
    SENDING,
    SEQ,
    SGEN,
    STATE,
    STATE_VERSION,
    STATED,
    TICKET,
    UNTIL,
    VERSION,
    WAKE_AT,
    WAKE_SHARD,
    Column,
)
from .desk import HEAVY, HOLD, WAITS, Desk, Write
from .head import Head
from .memory import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from roost.contract.job import LiveJob
    from roost.contract.job_mark import JobMark

INLINE: Final = 2048
"""Bytes of a state that lives in the head: every update is charged for the whole item."""
DEAD: Final = 100_000
"""Dead letters of one commit are numbered from its version times this."""


class Plan:
    """The lines of one commit. The head comes first."""

    def __init__(self, desk: Desk, commit: Commit, found: Head) -> None:
        self.desk = desk
        self.table = desk.table
        self.commit = commit
        self.found = found
        self.pk = keys.partition(commit.address)
        self.nonce = SystemRandom().randbytes(8)
        self.held: Held | None = desk.memory.held.get(commit.address)
        if self.held is not None and self.held.fence != commit.fence:
            self.held = None
        self.until = 0.0
        """Where this commit puts the lease's end."""
        self.leaving = commit.yield_lease and self.held is not None
        self.sent: dict[str, str] = {}
        self.jobs: dict[str, LiveJob] = {}
        """The live ones after this commit, if it says anything of jobs."""
        self.epoch = found.epoch
        if commit.restored:
            self.epoch = f"{commit.version}.{self.nonce.hex()}"
        self.next = self._follow()
        self.head = self._head()
        self.rows: list[Item] = []
        self.lines = [Write(self.table.line(self.pk, keys.HEAD, self.head), "head")]
        self._state()
        self._handled()
        if not commit.destroy:
            self._effects()
        elif commit.jobs_seen:
            self._unmoved(commit.jobs_seen)
        self._post()
        self.many = commit.restored and (len(self.lines) + len(self.rows) > desk.items or self._heavy())
        if self.many:
            return
        self.lines += [Write(self.table.put_line(x)) for x in self.rows]
        if len(self.lines) > desk.items:
            raise LimitExceeded(
                f"one tick made {len(self.lines)} writes; DynamoDB takes {desk.items} at once",
                limit="commit_operations",
            )

    def _follow(self) -> Head:
        """The head after this commit."""
        commit, after = self.commit, copy.copy(self.found)
        after.made, after.nonce = True, self.nonce
        after.fence, after.schema = commit.fence, commit.schema
        after.generation, after.version, after.at = commit.generation, commit.version, commit.at
        after.due, after.armed, after.released = commit.next_due, commit.armed, commit.released
        after.seq, after.sgen = commit.seq, commit.sgen
        known = self.desk.memory.of(commit.address)
        if commit.outbox:
            after.sending = True
        elif after.sending and known.sent is not None and not known.sent:
            after.sending = False
        if commit.destroy:
            after.generation += 1
            after.epoch = str(commit.version)
            after.state, after.pieces, after.stated, after.state_version = None, 0, 0, 1
            after.seq = after.sgen = after.dead = 0
            after.first = after.due = after.scheduled = after.peered = after.jobbed = None
            after.left = False
            return after
        after.epoch = self.epoch
        if commit.restored:
            after.dead, after.first, after.scheduled, after.peered = 0, None, None, None
            after.jobbed = None
        if commit.state is not None:
            after.state_version = commit.state_version
            if len(commit.state) <= INLINE:
                after.state, after.pieces, after.stated = commit.state, 0, 0
            else:
                after.state, after.stated = None, commit.version
                after.pieces = -(-len(commit.state) // rows.PIECE)
        if commit.log and after.first is None:
            after.first = commit.log[0].seq
        after.dead += len(commit.dead)
        if commit.letters:
            after.left = True
        if commit.schedules:
            after.scheduled = commit.version
        if commit.connections:
            after.peered = commit.version
        if commit.jobs:
            from roost.contract.job import JobEnd, JobMoved, JobStart

            self.jobs = dict(known.jobs) if self.found.jobbed is not None else {}
            for one in commit.jobs:
                if isinstance(one, JobStart):
                    self.jobs[one.live.uid] = one.live
                elif isinstance(one, JobMoved):
                    self.jobs[one.job.live.uid] = one.job.live
                elif isinstance(one, JobEnd):
                    self.jobs.pop(one.uid, None)
            after.jobbed = commit.version if self.jobs else None
        return after

    def _head(self) -> Change:
        commit, old, new = self.commit, self.found, self.next
        out = Change()
        out.expect(VERSION, old.version if old.made else None)
        out.expect(GENERATION, old.generation if old.made else None)
        fence = out.name(FENCE.name)
        out.when(f"attribute_not_exists({fence}) OR {fence} <= {out.value(rows.n(commit.fence))}")
        if commit.waiting is not None:
            out.expect(BELL, old.bell or None)
        out.put(VERSION, new.version)
        out.put(NONCE, self.nonce)
        out.put(AT, new.at)
        if new.generation != old.generation or not old.made:
            out.put(GENERATION, new.generation)
        if new.fence != old.fence:
            out.put(FENCE, new.fence)
        if new.schema != SCHEMA or new.schema != old.schema:
            out.put(SCHEMA_VERSION, new.schema)
        self._moved(out, SEQ, old.seq, new.seq)
        self._moved(out, SGEN, old.sgen, new.sgen)
        out.put(RELEASED, new.released)
        self._moved(out, FIRST_ENTRY, old.first, new.first)
        self._moved(out, DEAD_LETTERS, old.dead, new.dead)
        self._moved(out, SCHEDULED, old.scheduled, new.scheduled)
        self._moved(out, PEERED, old.peered, new.peered)
        self._moved(out, JOBBED, old.jobbed, new.jobbed)
        self._moved(out, PIECES, old.pieces, new.pieces)
        self._moved(out, STATED, old.stated, new.stated)
        self._moved(out, STATE_VERSION, old.state_version, new.state_version)
        # A letter may have lowered these since the head was read, so they are always written.
        out.put(DUE, new.due)
        out.put(ARMED, new.armed)
        out.put(WAKE_SHARD, None if new.due is None else keys.shard(self.pk))
        out.put(WAKE_AT, new.due)
        if new.state != old.state:
            out.put(STATE, new.state)
        if commit.letters:
            out.put(LEFT, True)
        if new.sending != old.sending:
            out.put(SENDING, new.sending or None)
        if new.epoch != old.epoch:
            out.put(EPOCH, new.epoch)
        if new.exists != old.exists:
            out.put(LISTED_KIND, commit.address.kind if new.exists else None)
            out.put(LISTED_KEY, commit.address.key if new.exists else None)
        self._lease(out)
        return out

    @staticmethod
    def _moved(out: Change, column: Column, old: int | None, new: int | None) -> None:
        """Write what has changed; the default is left out."""
        if old != new:
            out.put(column, None if new == column.default else new)

    def _lease(self, out: Change) -> None:
        held = self.held
        if held is None:
            return
        if self.leaving:
            out.expect(BELL, held.heard or None)
            out.put(HEARD, held.heard or None)
            out.put(LEFT, None)
            out.put(OWNER, None)
            out.put(UNTIL, None)
        else:
            self.until = self.desk.now() + HOLD
            out.put(UNTIL, self.until)

    def _state(self) -> None:
        commit = self.commit
        if commit.state is not None and self.next.pieces:
            for i in range(self.next.pieces):
                data = commit.state[i * rows.PIECE : (i + 1) * rows.PIECE]
                self.rows.append(
                    rows.bare(self.pk, keys.state(self.epoch, i), v=rows.n(commit.version), d=rows.b(data))
                )

    def _handled(self) -> None:
        row = self.commit.handled
        if row is None:
            return
        self._fits(len(row.value), "result", "its result")
        sk = keys.inbox(self.epoch, row.source, row.principal, row.id)
        line = rows.inbox_line(self.table, self.pk, sk, row, self.commit.at)
        if self.commit.destroy:  # its inbox goes with it: only look
            put = line["Put"]
            line = {"ConditionCheck": {**{k: v for k, v in put.items() if k != "Item"}, "Key": key(self.pk, sk)}}
        self.lines.append(Write(line, "outcome"))

    def _effects(self) -> None:
        commit, pk, epoch, out = self.commit, self.pk, self.epoch, self.rows
        for put in commit.kv:
            sk = keys.value(epoch, put.key)
            if put.value is None:
                self.lines.append(Write(self.table.delete_line(pk, sk)))
            else:
                self._fits(len(put.value), "value", f"the value at {put.key!r}")
                out.append(rows.bare(pk, sk, d=rows.b(put.value)))
        for line in commit.schedules:
            if isinstance(line, Unschedule):
                self.lines.append(Write(self.table.delete_line(pk, keys.schedule(epoch, line.key))))
            else:
                out.append(rows.put_schedule(pk, epoch, line))
        for row in commit.connections:
            if isinstance(row, Gone):
                self.lines.append(Write(self.table.delete_line(pk, keys.peer(epoch, row.cid))))
            else:
                out.append(rows.put_peer(pk, epoch, row))
        if commit.jobs:
            self._jobs()
        for done in commit.inbox:
            sk = keys.inbox(epoch, done.source, done.principal, done.id)
            out.append(rows.put_handled(pk, sk, done, done.expires + rows.GRACE))
        ring = self.desk.ring
        out += [rows.put_entry(pk, epoch, ring, x) for x in commit.log[-ring:]]
        out += [rows.put_dead(pk, epoch, commit.version * DEAD + i, x) for i, x in enumerate(commit.dead, 1)]

    def _jobs(self) -> None:
        from roost.contract.job import EndedJob, JobKept, JobMoved, JobStart

        from .job_items import born, job_key, kept, moved

        commit, pk, out = self.commit, self.pk, self.rows
        known = self.desk.memory.of(commit.address).jobs if self.found.jobbed is not None else {}
        for place, one in enumerate(commit.jobs):
            if isinstance(one, JobStart):
                self._fits(len(one.args), "arguments", "the arguments of its job")
                out += born(pk, self.epoch, commit, one, keys.shard(pk))
            elif isinstance(one, JobMoved):
                item, rest = moved(pk, self.epoch, commit, one, keys.shard(pk))
                # The index of wakes shows it before the head does, and what no head names is taken for rubbish.
                self.lines.append(Write(self.table.put_line(item)))
                out += rest
            elif isinstance(one, JobKept):
                out += kept(pk, self.epoch, commit, place, one.ended)
            elif (live := known.get(one.uid)) is not None:
                self._fits(len(one.outcome), "result", "the outcome of its job")
                self.lines.append(Write(self.table.delete_line(pk, job_key(self.epoch, one.uid))))
                out += kept(pk, self.epoch, commit, place, EndedJob(live, commit.at, one.outcome))

    def _unmoved(self, seen: Sequence[JobMark]) -> None:
        """Only if nobody claimed or told a job anything since it was looked at."""
        from .job_items import BELL as RUNG
        from .job_items import CLAIM, job_key

        for one in seen:
            change = Change()
            change.expect(CLAIM, one.claim or None)
            change.expect(RUNG, one.bell or None)
            change.when("attribute_exists(pk)")
            check = change.check(self.table.name, self.pk, job_key(self.found.epoch, one.uid))
            self.lines.append(Write(check, "job"))

    def _heavy(self) -> bool:
        """An import larger than DynamoDB takes in one transaction."""
        return sum(len(v.get("B", b"")) for row in self.rows for v in row.values()) > HEAVY

    def _post(self) -> None:
        """Letters and envelopes."""
        commit, pk = self.commit, self.pk
        for i, envelope in enumerate(commit.outbox):
            sk = keys.envelope(commit.version, i)
            self.sent[envelope.id] = sk
            self.rows.append(rows.put_envelope(pk, sk, envelope))
        for x in commit.letters:  # seen with the epoch, which the head changes
            self.rows.append(rows.put_letter(pk, self.epoch, x))
            if x.keyed:
                sk = keys.inbox(self.epoch, x.source, x.principal, x.id)
                until = max(self.desk.now(), x.next) + WAITS
                self.rows.append(rows.row(pk, sk, {TICKET.name: TICKET.write(x.n), "ttl": rows.n(int(until))}))
        if commit.consumed is not None:
            sk = keys.letter(commit.consumed)
            if commit.answer is None:
                self.lines.append(Write(self.table.delete_line(pk, sk)))
            else:
                self.lines.append(Write(self.table.delete_line(pk, sk, "attribute_exists(pk)"), "awaited"))
                self.rows += rows.answer_items(pk, commit.consumed, commit.answer, self.desk.now())
        if commit.deferred is not None:
            change = Change()
            change.when("attribute_exists(pk)")
            change.put(ATTEMPTS, commit.deferred.attempts)
            change.put(NEXT, commit.deferred.next or None)
            self.lines.append(Write(self.table.line(pk, keys.letter(commit.deferred.n), change), "deferred"))

    def _fits(self, size: int, limit: str, what: str) -> None:
        if size > rows.PIECE:
            raise LimitExceeded(f"{what} has {size} bytes; DynamoDB takes {rows.PIECE} in one item", limit=limit)

    async def stage(self) -> None:
        """An import larger than a transaction: its rows are written under an epoch that nobody sees, then the head."""
        await self.table.write(self.rows, [])

    def done(self) -> None:
        """The commit is durable: so is what is remembered."""
        commit, new = self.commit, self.next
        known = self.desk.memory.of(commit.address)
        old = known.head
        if old is not None:  # the bell may have been seen since
            new.bell, new.heard = max(new.bell, old.bell), max(new.heard, old.heard)
        held = self.held
        if held is not None:
            if self.leaving:
                self.desk.memory.let_go(commit.address)
                new.heard, new.left, new.owner, new.until = held.heard, False, "", 0.0
            else:
                held.until = max(held.until, self.until)
        known.head = new
        if known.sent is not None:
            known.sent.update(self.sent)
        if new.pieces and commit.state is not None:
            known.state, known.stated = commit.state, new.stated
        self._remember(known.scheduled == (self.found.scheduled or 0))

    def _remember(self, schedules: bool) -> None:
        commit = self.commit
        known = self.desk.memory.of(commit.address)
        if commit.schedules and schedules and not commit.restored:
            table = {} if self.found.scheduled is None else dict(known.schedules)
            for line in commit.schedules:
                if isinstance(line, Schedule):
                    table[line.key] = line
                else:
                    table.pop(line.key, None)
            known.schedules, known.scheduled = table, commit.version
        if commit.connections and known.peered == (self.found.peered or 0) and not commit.restored:
            peers = {} if self.found.peered is None else dict(known.peers)
            for row in commit.connections:
                if isinstance(row, Gone):
                    peers.pop(row.cid, None)
                else:
                    peers[row.cid] = row
            known.peers, known.peered = peers, commit.version
        if commit.jobs and known.jobbed == (self.found.jobbed or known.jobbed):
            known.jobs, known.jobbed = self.jobs, commit.version
