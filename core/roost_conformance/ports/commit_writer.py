"""What port cases write with: commits made one from the other, and a full look at one agent."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from roost.contract.address import Address
from roost.contract.commit import (
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Envelope,
    Handled,
    Letter,
    Put,
    Row,
    Schedule,
    Snapshot,
)
from roost.contract.errors import RoostError
from roost.ports import Store

E = TypeVar("E", bound=RoostError)
START: Final = 1_000_000.0
"""The time of the first commit."""
ARGS: Final = b'{"args":[1],"kwargs":{"a":"b"}}'
STATE: Final = b'{"count":1}'


class CommitWriter:
    """Writes one agent, each commit from the last. `at` and `seq` go on by themselves."""

    def __init__(self, store: Store, kind: str, key: str = "a") -> None:
        self.store = store
        self.address = Address(f"port-{kind}", key)
        self.version = 0
        self.generation = 1
        self.seq = 0
        self.at = START

    def draft(self, **changes: Any) -> Commit:
        """The next commit; `log` may be given as (kind, data) pairs."""
        commit = Commit(self.address, self.generation, self.version, self.version + 1, self.at + 1.0)
        commit.seq = self.seq
        for name, value in changes.items():
            assert name in {f.name for f in fields(Commit)}, name
            setattr(commit, name, value)
        if commit.log and "seq" not in changes:
            commit.seq = self.seq + len(commit.log)
        return commit

    def entries(self, *kinds: str) -> tuple[Entry, ...]:
        """The next log entries."""
        return tuple(Entry(self.seq + i, k, b'{"i":%d}' % i, self.at + 1.0) for i, k in enumerate(kinds, 1))

    async def write(self, **changes: Any) -> Commit:
        """The next commit, made durable."""
        commit = self.draft(**changes)
        assert await self.store.commit(commit) == Committed(commit.version)
        self.follow(commit)
        return commit

    def follow(self, commit: Commit) -> None:
        """`commit` is durable: go on from it."""
        self.version, self.at, self.seq = commit.version, commit.at, commit.seq
        if commit.destroy:
            self.generation += 1
            self.seq = 0

    async def load(self) -> Snapshot:
        """The agent as stored."""
        return await load(self.store, self.address)

    async def all(self) -> Everything:
        """Whatever can be read of the agent."""
        return await everything(self.store, self.address)


@dataclass(frozen=True, slots=True)
class Everything:
    """One agent, whole, to be compared."""

    snapshot: Snapshot
    kv: tuple[tuple[str, bytes], ...]
    log: tuple[Entry, ...]
    first: int
    letters: tuple[Letter, ...]
    dead: tuple[DeadLetter, ...]


async def load(store: Store, address: Address) -> Snapshot:
    """The snapshot; nobody else holds a lease."""
    snapshot = await store.load(address)
    assert isinstance(snapshot, Snapshot), snapshot
    return snapshot


async def everything(store: Store, address: Address) -> Everything:
    log, first = await store.log(address, 0, frozenset(), 5000)
    return Everything(
        await load(store, address),
        tuple(await store.scan(address, "", "", 5000)),
        tuple(log),
        first,
        tuple(await store.parked(address, 0, 5000)),
        tuple(await store.dead(address, 0, 5000)),
    )


async def refused(kind: type[E], work: Awaitable[object]) -> E:
    """The error of `work`, which must be a `kind`."""
    try:
        done = await work
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {done!r}")


def handled(id: str, value: bytes = b"1", **changes: Any) -> Handled:
    row: dict[str, Any] = {
        "source": "client", "principal": "me", "id": id, "fingerprint": bytes(range(16)), "outcome": "value",
        "value": value, "expires": START + 86_400.0,
    }  # fmt: skip
    return Handled(**{**row, **changes})


def letter(id: str, **changes: Any) -> Letter:
    row: dict[str, Any] = {"id": id, "source": "client", "principal": "me", "action": "note", "args": ARGS}
    return Letter(**{**row, **changes})


def envelope(id: str, sender: Address, **changes: Any) -> Envelope:
    row: dict[str, Any] = {"id": id, "to": Address("audit", "log/ü"), "action": "note", "args": ARGS, "sender": sender}
    return Envelope(**{**row, **changes})


def schedule(key: str, due: float = START + 60.0, **changes: Any) -> Schedule:
    row: dict[str, Any] = {
        "key": key, "gen": 1, "due": due, "spec": b'{"in":60}', "target": "ring", "args": ARGS,
    }  # fmt: skip
    return Schedule(**{**row, **changes})


def effects(writer: CommitWriter, mark: str) -> dict[str, Any]:
    """One of each effect a commit can have."""
    return {
        "handled": handled(f"h-{mark}"),
        "state": b'{"mark":"%s"}' % mark.encode(),
        "kv": (Put(f"k-{mark}", b"1"),),
        "schedules": (schedule(f"s-{mark}"),),
        "sgen": 7,
        "next_due": START + 60.0,
        "armed": START + 5.0,
        "outbox": (envelope(f"o-{mark}", writer.address),),
        "log": writer.entries(f"l-{mark}"),
        "connections": (Row(f"c-{mark}", "label", START),),
        "dead": (DeadLetter(letter(f"d-{mark}"), b'{"code":"x"}', START),),
        "released": writer.version,
    }
