"""Lanes: urgent first, FIFO inside a lane, and after eight urgent ticks one standard."""

from __future__ import annotations

import pytest

from roost.contract.trigger import NOTHING, Lane, Trigger
from roost.engine.lifecycle import MOVES, move
from roost.engine.mailbox import Mailbox, Waiting


def one(id: str, lane: Lane = "standard") -> Waiting:
    return Waiting(Trigger("call", NOTHING, id, lane=lane))


def order(mailbox: Mailbox) -> list[str | None]:
    out: list[str | None] = []
    while (waiting := mailbox.take()) is not None:
        out.append(waiting.trigger.id)
    return out


def test_urgent_goes_first_and_lanes_are_fifo() -> None:
    mailbox = Mailbox()
    for id, lane in (("s1", "standard"), ("u1", "urgent"), ("s2", "standard"), ("u2", "urgent")):
        mailbox.put(one(id, "urgent" if lane == "urgent" else "standard"))
    assert order(mailbox) == ["u1", "u2", "s1", "s2"]


def test_eight_urgent_then_one_standard() -> None:
    mailbox = Mailbox()
    for n in range(20):
        mailbox.put(one(f"u{n}", "urgent"))
    mailbox.put(one("s0"))
    mailbox.put(one("s1"))
    got = order(mailbox)
    assert got.index("s0") == 8
    assert got.index("s1") == 17
    assert len(got) == 22


def test_the_streak_counts_only_what_ran_in_a_row() -> None:
    mailbox = Mailbox()
    for n in range(5):
        mailbox.put(one(f"a{n}", "urgent"))
    mailbox.put(one("s0"))
    for _ in range(5):
        mailbox.take()
    first = mailbox.take()
    assert first is not None and first.trigger.id == "s0"
    for n in range(9):
        mailbox.put(one(f"b{n}", "urgent"))
    mailbox.put(one("s1"))
    assert order(mailbox).index("s1") == 8


def test_the_life_cycle_table_is_closed() -> None:
    assert {to for targets in MOVES.values() for to in targets} <= set(MOVES)
    assert move("asleep", "waking") == "waking"
    with pytest.raises(AssertionError, match="no move from asleep to draining"):
        move("asleep", "draining")
