"""The table with an observer in front: every write that DynamoDB took, read as what it means for an agent.

A commit is known by the nonce it puts into the head, so one that lands after its sender gave it up, or died, is seen
like any other.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.commit import Commit, DeadLetter, Entry, Letter, Snapshot
from roost.contract.job import Claim, Job
from roost_lambda import keys, reads, rows
from roost_lambda.client import Refused
from roost_lambda.head import Head, head
from roost_lambda.job_items import JOB, note, stream

from .dynamo import Changed, Dynamo
from .expression import Item
from .life import Sight
from .model import Model

TAIL: Final = 3
_NONCE: Final = re.compile(r"#x = (:\d+)")
EPS: Final = 0.0015


class Ledger:
    """`delivered`: envelopes whose receiver has them."""

    def __init__(self, dynamo: Dynamo, model: Model, now: Callable[[], float], delivered: set[str], ring: int) -> None:
        self.dynamo = dynamo
        self.model = model
        self.now = now
        self.delivered = delivered
        self.ring = ring
        self.sent: Callable[[Item], None] = lambda item: None
        """Told of each new envelope, as the table's stream tells of it."""
        self.belled: Callable[[Address, float], bool] = lambda address, wake: True
        """Whether a doorbell was sent for that wake of an agent."""
        self.skewed = 0.0
        """Seconds by which a host's clock is off, most: what it arms for now may lie so far ahead."""
        self._late = False
        self._strays: set[tuple[Address, float]] = set()
        """Wakes that a call armed after its sender had given it up: too many, and nobody rings for them."""
        self._commits: dict[bytes, Commit] = {}
        """By nonce: all that were ever asked for."""

    def asked(self, under_way: Mapping[Address, Commit], params: Mapping[str, Any]) -> None:
        """A host is about to call: remember which commit it is, if it is one."""
        line = params["TransactItems"][0].get("Update") if "TransactItems" in params else params
        if line is None or line.get("Key", {}).get("sk", {}).get("S") != keys.HEAD:
            return
        found = _NONCE.search(line["UpdateExpression"])
        if found is not None:
            commit = under_way[keys.address_of(line["Key"]["pk"]["S"])]
            self._commits[line["ExpressionAttributeValues"][found[1]]["B"]] = copy.copy(commit)

    def late(self, act: Callable[[], object]) -> None:
        """A call arrives whose sender has given it up."""
        self._late = True
        try:
            with suppress(Refused):
                act()
        finally:
            self._late = False

    # Writes ------------------------------------------------------------------------------------------

    def wrote(self, operation: str, changes: Sequence[Changed]) -> None:
        """Told of every write, right after it."""
        pk = changes[0].pk
        if pk.startswith("#"):
            return
        address = keys.address_of(pk)
        by = {x.sk: x for x in changes}
        commit = self._head(address, by.get(keys.HEAD))
        found = head(self.dynamo.item(pk, keys.HEAD))
        taken: list[int] = []
        for one in changes:
            if one.sk.startswith("M#"):
                if one.new is None and one.old is not None and found.owns(one.old):
                    taken.append(int(one.sk[2:]))
                elif one.new is not None and one.old is None and found.owns(one.new):
                    self._parked(address, rows.letter(one.new))
            elif one.sk.startswith("D#") and one.new is None and one.old is not None and commit is None:
                self._redriven(address, found.epoch, one)
            elif one.sk.startswith("O#"):
                self._posted(address, one)
            elif one.sk.startswith(f"G#{found.epoch}#") and one.new is not None:
                self._row(address, one.sk, one.new, one.old)
            elif one.sk.startswith(f"Y#{found.epoch}#") and one.old is None and one.new is not None:
                if self.model.jobs is not None and self.model.jobs.telling is not None:
                    self.model.jobs.telling.rung(address, plain(one.sk.split("#")[2]), note(one.new))
            elif one.sk.startswith(f"R#{found.epoch}#"):
                self._said(address, one)
        if commit is not None:
            self._committed(address, commit, taken, by)
        elif taken:
            self._taken(address, operation, taken, by)
        if keys.HEAD in by:
            self._seen(address, head(self.dynamo.item(pk, keys.HEAD)))

    def _seen(self, address: Address, found: Head) -> None:
        """Who gives an agent back leaves no letter behind that nobody knows of, and no wake without a doorbell."""
        waits = [x for x in self.model.life(address).letters.values() if x.known]
        if waits and not found.owner and not found.letters:
            self.model.broken("bell", f"{address}: the letter of {waits[0].op} waits, and the head says none does")
        at = found.armed
        if at is None or at <= self.now() + self.skewed or found.until or self.belled(address, at):
            return
        if self._late:
            self._strays.add((address, at))
        if (address, at) not in self._strays:
            self.model.broken("bell", f"{address}: it is given back, armed for {at}, and no bell was sent for that")

    def _head(self, address: Address, change: Changed | None) -> Commit | None:
        """What the change of a head says: taken, given back, or committed."""
        if change is None or change.new is None:
            return None
        old, new = head(change.old), head(change.new)
        if new.owner and new.fence != old.fence:
            self.model.history.note("take", f"{address} fence={new.fence} {new.owner[:4]}")
        if old.owner and not new.owner:
            self.model.history.note("leave", f"{address} fence={new.fence} {old.owner[:4]}")
        if new.owner and new.owner != old.owner and new.fence == old.fence:
            self.model.broken(
                "fence", f"{address}: {new.owner[:4]} has the lease under the fence {new.fence} of another"
            )
        if new.nonce == old.nonce:
            return None
        commit = self._commits[new.nonce]
        if commit.fence != old.fence:
            self.model.broken(
                "fence", f"{address} v{commit.version}: committed under fence {commit.fence}, it is held by {old.fence}"
            )
        return commit

    def _committed(self, address: Address, commit: Commit, taken: Sequence[int], by: Mapping[str, Changed]) -> None:
        note = self.model.history.note
        note("commit", f"{address} v{commit.version} armed={commit.armed} {'yields' if commit.yield_lease else ''}")
        waits = self.model.life(address).letters
        for n in taken:
            if n != commit.consumed:
                self.model.broken("mail", f"{address} v{commit.version}: letter {n} is gone, and was not its own")
            elif n in waits and waits[n].guest and keys.answer(n) not in by:
                self.model.broken("answer", f"{address} v{commit.version}: guest {n} is gone without an answer")
        found = self.sight(address)
        self.model.committed(commit, found, self.now())
        item = self.dynamo.item(keys.partition(address), keys.HEAD)
        due = min((x.at for x in found.snapshot.schedules), default=None)
        wake = None if item is None else rows.maybe(item, "wt")
        if due is not None and (wake is None or wake > due + EPS):
            self.model.broken("armed", f"{address} v{commit.version}: the sweeper looks at {wake}, due {due}")

    def _parked(self, address: Address, letter: Letter) -> None:
        self.model.history.note("guest" if letter.forwarded else "park", f"{address} {letter.n} {letter.id}")
        self.model.was_parked(address, letter)

    def _taken(self, address: Address, operation: str, taken: Sequence[int], by: Mapping[str, Changed]) -> None:
        """Letters went without a commit: guests may be answered, or taken back."""
        life = self.model.life(address)
        for n in taken:
            waits = life.letters.pop(n, None)
            answered = keys.answer(n) in by
            self.model.history.note("answered" if answered else "withdrawn", f"{address} {n}")
            if waits is None or not waits.guest or not (answered or operation == "delete_item"):
                self.model.broken("mail", f"{address}: letter {n} is gone without a commit ({operation})")

    def _redriven(self, address: Address, epoch: str, one: Changed) -> None:
        assert one.old is not None
        if one.sk.startswith(f"D#{epoch}#"):
            self.model.history.note("redrive", f"{address} {one.sk}")
            self.model.redriven(address, [op_of_item(one.old)], ())

    def _posted(self, address: Address, one: Changed) -> None:
        if one.old is None and one.new is not None:
            self.sent(one.new)
        elif one.new is None and one.old is not None:
            id = rows.text(one.old, "i")
            self.model.history.note("settle", f"{address} {id}")
            if id not in self.delivered:
                self.model.broken("outbox", f"{address}: the envelope {id} was forgotten before it was delivered")

    def _row(self, address: Address, sk: str, item: Item, old: Item | None) -> None:
        """A row of a journal. What is written of a job that is no more, or of an agent that moved, is nobody's."""
        jobs = self.model.jobs
        _, _, uid, position = sk.split("#")
        uid = plain(uid)
        if jobs is None or (address, uid) not in jobs.live:
            return
        if old is not None and old != item:
            jobs.broken("journal", f"{address} job {uid}: the row {int(position)} is replaced")
        generation = self.model.life(address).generation
        claim = Claim(address, generation, uid, rows.whole(item, "c"), "")
        jobs.appended(claim, int(position), rows.data(item, "d"), generation)

    def _said(self, address: Address, one: Changed) -> None:
        """A row of a job's streams, or what is taken back of it."""
        streams = None if self.model.jobs is None else self.model.jobs.streams
        if streams is None or (one.new is None) == (one.old is None):
            return
        uid = plain(one.sk.split("#")[2])
        if one.new is not None:
            line = stream(one.new)
            streams.stored(Claim(address, 0, uid, line.claim, ""), line)
        elif one.old is not None:
            streams.rows.get((address, uid), {}).pop(stream(one.old).first, None)

    # What is stored ----------------------------------------------------------------------------------

    def jobs(self, address: Address) -> list[Job]:
        """Those of an agent that live."""
        pk = keys.partition(address)
        return [JOB.read(x) for x in self._range(pk, f"J#{head(self.dynamo.item(pk, keys.HEAD)).epoch}#")]

    def sight(self, address: Address) -> Sight:
        """An agent as any reader would find it now."""
        pk = keys.partition(address)
        item = self.dynamo.item(pk, keys.HEAD)
        found = head(item)
        epoch = found.epoch
        letters = [rows.letter(x) for x in self._range(pk, "M#") if found.owns(x)]
        number = self.dynamo.item(pk, keys.value(epoch, "n"))
        most: int = vars(reads)["LETTERS"]
        snapshot = Snapshot(
            address, found.schema, found.generation, found.fence, found.version, found.at, found.seq, found.sgen,
            found.due, found.armed, found.released, self._state(pk, found), found.state_version,
            () if found.scheduled is None else tuple(map(rows.schedule, self._range(pk, f"T#{epoch}#"))),
            () if found.peered is None else tuple(map(rows.peer, self._range(pk, f"P#{epoch}#"))),
            tuple(map(rows.envelope, self._range(pk, "O#"))), tuple(letters[:most]), len(letters), found.dead,
            tuple(x.live for x in self.jobs(address)),
        )  # fmt: skip
        log: list[Entry] = []
        for seq in range(max(found.first or 0, found.seq - TAIL + 1), found.seq + 1) if found.first else ():
            slot = self.dynamo.item(pk, keys.slot(epoch, seq, self.ring))
            if slot is not None and (entry := rows.entry(slot)).seq == seq:
                log.append(entry)
        n = 0 if number is None else int(from_json(rows.data(number, "d")))
        return Sight(snapshot, n, tuple(log), tuple(letters))

    def _state(self, pk: str, found: Head) -> bytes | None:
        if not found.pieces:
            return found.state
        pieces = [x for x in self._range(pk, f"S#{found.epoch}#") if rows.whole(x, "v") == found.stated]
        return b"".join(rows.data(x, "d") for x in pieces)

    def graves(self, address: Address) -> Sequence[DeadLetter]:
        pk = keys.partition(address)
        item = self.dynamo.item(pk, keys.HEAD)
        epoch = head(item).epoch
        return [rows.dead(x) for x in self._range(pk, f"D#{epoch}#")]

    def _range(self, pk: str, prefix: str) -> list[Item]:
        return self.dynamo.range(pk, *keys.whole(prefix))


def plain(padded: str) -> str:
    """The uid of a job, as its keys have it."""
    version, i = padded.split(".")
    return f"{int(version)}.{int(i)}"


def op_of_item(item: Item) -> str:
    """The op of a letter as stored."""
    return str(from_json(rows.data(item, "d"))["args"][0])
