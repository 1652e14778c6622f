"""A job's journal (docs/decisions/011): a log of rows at dense positions, each a list of facts.

A row is written by one conditional insert at the next position, so that whoever is not the job's executor any more
writes nothing. Its facts are what happened since the row before, in the order in which the job's body hears of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic_core import from_json, to_json

from .errors import Unreadable
from .record import record

FactKind: TypeAlias = Literal[
    "claim", "started", "tried", "value", "failed", "unknown", "cancelled", "fired", "signal", "answer", "expired",
    "cancel", "again", "ended",
]  # fmt: skip

RESUMES: Final[frozenset[FactKind]] = frozenset(
    {"value", "failed", "unknown", "fired", "signal", "answer", "expired", "cancel"}
)
"""Facts that the body hears. The others are for executors and for whoever reads the journal."""


@record
class Fact:
    """One thing that happened to a job."""

    kind: FactKind
    at: float
    """Epoch seconds, by the clock of the executor; the body's clock from this fact on."""
    id: str = ""
    """Of a call `{branch}:{n}`, of a timer `{branch}:t{n}`, of a cancellation and a signal its note's; else empty."""
    name: str = ""
    """What a call asked for, compared on replay, where it identifies nothing. Of a signal its name."""
    fingerprint: bytes = b""
    """16 bytes over a call's arguments, compared like `name`; empty where there were none."""
    data: bytes = b"null"
    """JSON: the value, the error's problem document, the owner of a claim, the outcome of the job, what is to be known
    of an attempt that failed, why the job is cancelled, the arguments of the next run. Of a signal and an answer
    {"note", "value", "by", "at"}."""


@record
class JournalRow:
    """What one insert wrote."""

    position: int
    """From 1, without a gap."""
    facts: tuple[Fact, ...]


def write(facts: Sequence[Fact]) -> bytes:
    """The facts of one row as bytes: a line of JSON that tells what follows, then each fact's data, unchanged."""
    head = [[f.kind, f.at, f.id, f.name, f.fingerprint.hex(), len(f.data)] for f in facts]
    return b"\n".join((to_json(head), b"".join([f.data for f in facts])))


def read(position: int, data: bytes) -> JournalRow:
    """The inverse of `write`. Unreadable: these bytes are no row."""
    try:
        head, _, rest = data.partition(b"\n")
        facts: list[Fact] = []
        start = 0
        lines: Any = from_json(head)
        if type(lines) is not list:
            raise ValueError("it does not begin with a list of facts")
        for kind, at, id, name, fingerprint, size in cast("list[list[Any]]", lines):
            facts.append(Fact(kind, float(at), id, name, bytes.fromhex(fingerprint), rest[start : start + size]))
            start += size
        if start != len(rest):
            raise ValueError(f"{len(rest)} bytes of data, where the facts tell of {start}")
    except (ValueError, TypeError) as error:
        raise Unreadable(f"row {position} of the journal can't be read: {error}") from error
    return JournalRow(position, tuple(facts))
