"""Rows of a Durable Object whose columns have lost their value or their type cost themselves, never their agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Letter, Row, Schedule
from roost_cloudflare import rows

HERE = Address("counter", "a")
LETTER = Letter("i", "client", "me", "work", b"[]", "urgent", False, 1, 5.0, 3, b"{}", False)
ENVELOPE = Envelope("i", HERE, "work", b"[]", HERE, 2, "urgent", True, 1, 5.0)
SCHEDULE = Schedule("k", 1, 5.0, b"{}", "ring", b"[]", 1, 6.0)
RECORDS: list[tuple[Callable[[Sequence[Any]], Any], Any, Sequence[Any], int]] = [
    (rows.letter, LETTER, rows.letter_row(LETTER, 3), 1),
    (
        rows.dead,
        DeadLetter(dataclasses.replace(LETTER, n=0), b"{}", 5.0, 3),
        [*rows.letter_row(LETTER, 3), "{}", 5.0],
        1,
    ),
    (rows.envelope, ENVELOPE, rows.envelope_row(1, 1, ENVELOPE), 1),
    (rows.schedule, SCHEDULE, rows.schedule_row(SCHEDULE), 1),
    (rows.connection, Row("c", "l", 5.0, "me", b"{}", b"1"), ["c", "l", 5.0, "me", "{}", "1"], 1),
    (rows.entry, Entry(3, "k", b"1", 5.0), [3, "k", "1", 5.0], 0),
]
WRONG: list[Any] = [None, "x", 7, 1.5, b"x", 10**12]


@pytest.mark.parametrize(("read", "record", "row", "first"), RECORDS, ids=[type(x[1]).__name__ for x in RECORDS])
def test_any_row_is_read(read: Callable[[Sequence[Any]], Any], record: Any, row: Sequence[Any], first: int) -> None:
    """`first`: the columns before it are the key, which is there."""
    assert read(row) == record
    for i in range(first, len(row)):
        for wrong in WRONG:
            found = read([*row[:i], wrong, *row[i + 1 :]])
            for field in dataclasses.fields(record):
                own, theirs = getattr(record, field.name), getattr(found, field.name)
                assert theirs is None or own is None or isinstance(theirs, type(own)), (i, wrong, field.name, theirs)


def test_what_nobody_said_and_what_has_no_time_is_not_carried_out() -> None:
    assert rows.letter([3, "i", None, "me", "work", "[]", "urgent", 0, 1, 5.0, None, 0]).args == b""
    found = rows.schedule(["k", 1, "noon", "{}", "ring", "[]", 0, None])
    assert (found.spec, found.args) == (b"", b"")
