"""Rows of the tables to records and back. Text goes as the bytes of its UTF-8; ValueError: it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Outcome, Row, Schedule
from roost.contract.trigger import Lane, Source

if TYPE_CHECKING:
    from asyncpg import Record

Values: TypeAlias = "Record | tuple[Any, ...]"
"""A row; a record of the driver is no `Sequence` to the type checker."""
LETTER: Final = "n,id,source,principal,action,lane,internal,attempts,next,keyed,claims,args,forwarded"
DEAD: Final = f"{LETTER},at,error"
ENVELOPE: Final = (
    "id,to_kind,to_key,action,args,from_kind,from_key,generation,lane,internal,attempts,next"
)  # fmt: skip
HANDLED: Final = "source,principal,id,fingerprint,outcome,value,expires"
SCHEDULE: Final = "k,gen,due,spec,target,args,attempts,next"
CONNECTION: Final = "cid,label,opened,principal,claims,attachment"


def marks(count: int, first: int = 1) -> str:
    """$1,$2,..."""
    return ",".join(f"${n}" for n in range(first, first + count))


def raw(text: str) -> bytes:
    return text.encode()


def maybe_raw(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def letter_row(x: Letter, n: int) -> tuple[Any, ...]:
    return (
        n, raw(x.id), x.source, raw(x.principal), raw(x.action), x.lane, x.internal, x.attempts, float(x.next), x.keyed,
        x.claims, x.args, x.forwarded,
    )  # fmt: skip


def letter(row: Values) -> Letter:
    n, id, source, principal, action, lane, internal, attempts, next, keyed, claims, args, forwarded = row[:13]
    return Letter(
        id.decode(), cast("Source", source), principal.decode(), action.decode(), args, cast("Lane", lane), internal,
        attempts, next, n, claims, keyed, forwarded,
    )  # fmt: skip


def dead_row(x: DeadLetter, n: int) -> tuple[Any, ...]:
    return (*letter_row(x.letter, n), x.at, x.error)


def dead(row: Values) -> DeadLetter:
    return DeadLetter(letter((0, *row[1:13])), row[14], row[13], row[0])


def envelope_row(x: Envelope) -> tuple[Any, ...]:
    return (
        raw(x.id), raw(x.to.kind), raw(x.to.key), raw(x.action), x.args, raw(x.sender.kind), raw(x.sender.key),
        x.generation, x.lane, x.internal, x.attempts, float(x.next),
    )  # fmt: skip


def envelope(row: Values) -> Envelope:
    id, to_kind, to_key, action, args, from_kind, from_key, generation, lane, internal, attempts, next = row
    return Envelope(
        id.decode(), Address(to_kind.decode(), to_key.decode()), action.decode(), args,
        Address(from_kind.decode(), from_key.decode()), generation, cast("Lane", lane), internal, attempts, next,
    )  # fmt: skip


def handled_row(x: Handled) -> tuple[Any, ...]:
    return (x.source, raw(x.principal), raw(x.id), x.fingerprint, x.outcome, x.value, float(x.expires))


def handled(row: Values) -> Handled:
    source, principal, id, fingerprint, outcome, value, expires = row
    return Handled(
        cast("Source", source), principal.decode(), id.decode(), fingerprint, cast("Outcome", outcome), value, expires
    )


def schedule_row(x: Schedule) -> tuple[Any, ...]:
    after = None if x.next is None else float(x.next)
    return (raw(x.key), x.gen, float(x.due), x.spec, raw(x.target), x.args, x.attempts, after)


def schedule(row: Values) -> Schedule:
    k, gen, due, spec, target, args, attempts, next = row
    return Schedule(k.decode(), gen, due, spec, target.decode(), args, attempts, next)


def connection_row(x: Row) -> tuple[Any, ...]:
    return (raw(x.cid), raw(x.label), float(x.opened), maybe_raw(x.principal), x.claims, x.attachment)


def connection(row: Values) -> Row:
    cid, label, opened, principal, claims, attachment = row
    return Row(
        cid.decode(), label.decode(), opened, None if principal is None else principal.decode(), claims, attachment
    )


def entry(row: Values) -> Entry:
    seq, kind, data, at = row
    return Entry(seq, kind.decode(), data, at)
