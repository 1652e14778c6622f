"""The attributes of the table's items: this table says the short name of each, how it is written and how it is read.

Names are short because the head is paid by the kilobyte, twice a tick. What has its default is left out of an item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from roost.contract.address import Address
from roost.contract.commit import SCHEMA, Entry, Envelope, Handled, Letter, Row, Schedule

from . import keys
from .client import Item

R = TypeVar("R")
REQUIRED: Final[Any] = object()
"""In place of a default: an item without it can't be read (KeyError)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute."""

    name: str
    write: Callable[[Any], Item]
    read: Callable[[Item], Any]
    default: Any = REQUIRED
    """What a record has where its item lacks the attribute."""
    always: bool = False
    """It is written even when it is the default."""

    def of(self, item: Item) -> Any:
        """The value in an item."""
        found = item.get(self.name)
        if found is None:
            if self.default is REQUIRED:
                raise KeyError(self.name)
            return self.default
        return self.read(found)

    def left(self, item: Item) -> Any:
        """The value, or its default, in an item that is damaged; text where there is no default."""
        try:
            return self.of(item)
        except (KeyError, TypeError, ValueError):
            return "" if self.default is REQUIRED else self.default


def text(name: str, default: Any = REQUIRED, *, always: bool = False) -> Column:
    return Column(name, lambda value: {"S": value}, lambda found: str(found["S"]), default, always)


def whole(name: str, default: Any = 0, *, always: bool = False) -> Column:
    return Column(name, _number, _whole, default, always)


def real(name: str, default: Any = 0.0, *, always: bool = False) -> Column:
    return Column(name, _number, lambda found: float(found["N"]), default, always)


def data(name: str, default: Any = b"", *, always: bool = False) -> Column:
    return Column(name, lambda value: {"B": value}, lambda found: bytes(found["B"]), default, always)


def flag(name: str, there: Any = True, default: Any = False) -> Column:
    """An attribute that says all by being there."""
    return Column(name, lambda value: {"N": "1"}, lambda found: there, default)


def _whole(found: Item) -> int:
    """DynamoDB may give a whole number back with a point."""
    return int(float(found["N"])) if "." in found["N"] else int(found["N"])


def _number(value: float) -> Item:
    return {"N": repr(value)}


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """A record's columns by its fields; `to.kind` is a field of a field."""

    make: Callable[[dict[str, Any]], R]
    columns: Mapping[str, Column]
    damaged: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What a record has whose item lacks a value or its type: nothing in it may be carried out, so that it costs
    itself, as a dead letter or an error by name, and never its agent."""

    def write(self, record: R) -> Item:
        """Its attributes, without a key."""
        out: Item = {}
        for name, column in self.columns.items():
            value = attrgetter(name)(record)
            if column.always or column.default is REQUIRED or value != column.default:
                out[column.name] = column.write(value)
        return out

    def read(self, item: Item, **more: Any) -> R:
        """The record; `more`: fields that are in no column."""
        try:
            fields = {name: column.of(item) for name, column in self.columns.items()}
        except (KeyError, TypeError, ValueError):
            fields = {name: column.left(item) for name, column in self.columns.items()} | dict(self.damaged)
        return self.make({**fields, **more})


# The head ------------------------------------------------------------------------------------------------

FENCE: Final = whole("f")
OWNER: Final = text("lo", "")
UNTIL: Final = real("lu")
PRIOR: Final = real("lp")
BELL: Final = whole("b")
CLAIMED: Final = whole("c")
HEARD: Final = whole("a")
LEFT: Final = flag("m")
SCHEMA_VERSION: Final = whole("sc", SCHEMA)
GENERATION: Final = whole("g", 1)
VERSION: Final = whole("v")
AT: Final = real("at")
SEQ: Final = whole("q")
FIRST_ENTRY: Final = whole("lf", None)
SGEN: Final = whole("sg")
DUE: Final = real("du", None)
ARMED: Final = real("ar", None)
RELEASED: Final = whole("r")
EPOCH: Final = text("ep", keys.FIRST)
STATE: Final = data("s", None)
PIECES: Final = whole("sn")
STATED: Final = whole("sr")
STATE_VERSION: Final = whole("sv", 1)
SCHEDULED: Final = whole("tr", None)
PEERED: Final = whole("cr", None)
JOBBED: Final = whole("jb", None)
SENDING: Final = flag("on")
DEAD_LETTERS: Final = whole("dn")
NONCE: Final = data("x")
WAKE_SHARD: Final = text("wk", None)
WAKE_AT: Final = real("wt", None)
"""These two: the index of what is due."""
LISTED_KIND: Final = text("lk", None)
LISTED_KEY: Final = text("ln", None)
"""These two: the index of what is listed."""

HEAD: Final[Mapping[str, Column]] = {
    "fence": FENCE, "owner": OWNER, "until": UNTIL, "prior": PRIOR, "bell": BELL, "claimed": CLAIMED, "heard": HEARD,
    "left": LEFT,
    "made": flag(VERSION.name), "schema": SCHEMA_VERSION, "generation": GENERATION, "version": VERSION, "at": AT,
    "seq": SEQ, "first": FIRST_ENTRY, "sgen": SGEN, "due": DUE, "armed": ARMED, "released": RELEASED, "epoch": EPOCH,
    "state": STATE, "pieces": PIECES, "stated": STATED, "state_version": STATE_VERSION, "scheduled": SCHEDULED,
    "peered": PEERED, "jobbed": JOBBED, "sending": SENDING, "dead": DEAD_LETTERS, "nonce": NONCE,
}  # fmt: skip
"""Fields of `head.Head`. A commit and a lease write those that change."""

# Rows ----------------------------------------------------------------------------------------------------

ATTEMPTS: Final = whole("at")
NEXT: Final = real("nx")
TICKET: Final = whole("t")
"""In an inbox row: the number of the letter that waits under this id."""

LETTER: Final = Layout(lambda fields: Letter(**fields), {
    "id": text("i", "", always=True), "source": text("sr"), "principal": text("pr", ""), "action": text("a", ""),
    "args": data("d"), "lane": flag("u", "urgent", "standard"), "internal": flag("it"), "attempts": ATTEMPTS,
    "next": NEXT, "claims": data("cl", None), "keyed": flag("uk", False, True), "forwarded": data("tr", None),
}, {"source": "client", "args": b"", "keyed": False, "forwarded": None})  # fmt: skip

ENVELOPE: Final = Layout(
    lambda fields: Envelope(
        to=Address(fields.pop("to.kind"), fields.pop("to.key")),
        sender=Address(fields.pop("sender.kind"), fields.pop("sender.key")),
        **fields,
    ),
    {
        "id": text("i", "", always=True), "to.kind": text("tk", "", always=True), "to.key": text("to", "", always=True),
        "action": text("a", "", always=True), "args": data("d"), "sender.kind": text("sk2", "", always=True),
        "sender.key": text("sn", "", always=True), "generation": whole("g"), "lane": flag("u", "urgent", "standard"),
        "internal": flag("it"), "attempts": ATTEMPTS, "next": NEXT,
    },
    {"args": b""},
)  # fmt: skip

SCHEDULE: Final = Layout(lambda fields: Schedule(**fields), {
    "key": text("k", "", always=True), "gen": whole("g", always=True), "due": real("du", always=True),
    "spec": data("sp", always=True), "target": text("t", "", always=True), "args": data("d", always=True),
    "attempts": ATTEMPTS, "next": real("nx", None),
}, {"spec": b"", "args": b""})  # fmt: skip

PEER: Final = Layout(lambda fields: Row(**fields), {
    "cid": text("c", "", always=True), "label": text("l", ""), "opened": real("o", always=True),
    "principal": text("pr", None), "claims": data("cl", None), "attachment": data("d", None),
})  # fmt: skip

HANDLED: Final = Layout(lambda fields: Handled(**fields), {
    "source": text("sr"), "principal": text("pr", ""), "id": text("i", "", always=True), "fingerprint": data("f"),
    "outcome": text("o"), "value": data("d"), "expires": real("x", always=True),
}, {"outcome": "value", "value": b""})  # fmt: skip

ENTRY: Final = Layout(lambda fields: Entry(**fields), {
    "seq": whole("q", always=True), "kind": text("k", "", always=True), "data": data("d"),
    "at": real("at", always=True),
})  # fmt: skip
