"""Rows of the side tables to records and back."""

from __future__ import annotations

from typing import Any, Final

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Row, Schedule
from roost.contract.sql import Statements

LETTER: Final = "id,source,principal,action,args,lane,internal,attempts,next,n,claims,keyed"
LETTER_MARKS: Final = "?,?,?,?,?,?,?,?,?,?,?,?"
ENVELOPE: Final = (
    "id,to_kind,to_key,action,args,from_kind,from_key,generation,lane,internal,attempts,next,version,i,aid"
)
HANDLED: Final = "source,principal,id,fingerprint,outcome,value,expires"
SCHEDULE: Final = "k,gen,due,spec,target,args,attempts,next"
CONNECTION: Final = "cid,label,opened,principal,claims,attachment"
DEAD: Final = f"{LETTER},error,at"
SQL: Final = Statements("aid=?", "aid=?", time="nullif(?,'')", expires="expires")
"""'' stands for NULL where it is written most, and a bytearray for bytes: anything but int, float, str and bytearray is
shown to adapters first (`sqlite3.register_adapter`), which takes longer than to write it."""


def letter_row(x: Letter, n: int) -> tuple[Any, ...]:
    return (
        x.id, x.source, x.principal, x.action, x.args, x.lane, x.internal, x.attempts, x.next, n, x.claims, x.keyed,
    )  # fmt: skip


def letter(row: tuple[Any, ...]) -> Letter:
    id, source, principal, action, args, lane, internal, attempts, next, n, claims, keyed = row
    return Letter(id, source, principal, action, args, lane, bool(internal), attempts, next, n, claims, bool(keyed))


def dead(row: tuple[Any, ...]) -> DeadLetter:
    n, error, at = row[9], row[12], row[13]
    return DeadLetter(letter((*row[:9], 0, *row[10:12])), error, at, n)


def envelope_row(aid: int, version: int, i: int, x: Envelope) -> tuple[Any, ...]:
    return (
        x.id, *x.to, x.action, x.args, *x.sender, x.generation, x.lane, x.internal, x.attempts, x.next, version, i, aid,
    )  # fmt: skip


def envelope(row: tuple[Any, ...]) -> Envelope:
    return Envelope(
        row[0], Address(row[1], row[2]), row[3], row[4], Address(row[5], row[6]), row[7], row[8], bool(row[9]), row[10],
        row[11],
    )  # fmt: skip


def handled(row: tuple[Any, ...]) -> Handled:
    return Handled(*row)


def schedule(row: tuple[Any, ...]) -> Schedule:
    return Schedule(*row)


def connection(row: tuple[Any, ...]) -> Row:
    return Row(*row)


def entry(row: tuple[Any, ...]) -> Entry:
    return Entry(*row)
