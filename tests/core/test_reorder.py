"""The reorder buffer: numbered frames in, the same frames in order out."""

from __future__ import annotations

from random import Random

import pytest

from roost.protocol.numbering import GAP_BYTES, GAP_FRAMES
from roost.protocol.reorder import ReorderBuffer


def heard(order: ReorderBuffer[str], *numbers: int) -> list[str]:
    """What is heard as frames of these numbers come in."""
    out: list[str] = []
    for seq in numbers:
        frame = order.put(seq, str(seq), 1)
        if frame is not None:
            out += [frame, *order.ready()]
    return out


@pytest.mark.parametrize("seed", range(20))
def test_any_order_with_duplicates_is_heard_once_and_in_order(seed: int) -> None:
    rng = Random(seed)
    numbers = [*range(1, 30), *rng.choices(range(1, 30), k=10)]
    rng.shuffle(numbers)
    order = ReorderBuffer[str]()
    assert heard(order, *numbers) == [str(n) for n in range(1, 30)]
    assert order.next == 30 and not order.size and not order.waiting and not order.gap


def test_a_gap_is_seen_until_its_frame_comes() -> None:
    order = ReorderBuffer[str]()
    assert heard(order, 1) == ["1"] and not order.gap
    assert heard(order, 3, 4) == [] and order.gap
    assert order.waiting == {3: "3", 4: "4"} and order.size == 2
    assert heard(order, 2) == ["2", "3", "4"] and not order.gap


def test_a_count_that_is_unknown_starts_with_the_first_frame() -> None:
    order = ReorderBuffer[str](0)
    assert heard(order, 7, 9, 6, 8) == ["7", "8", "9"], "6 is of before"


def test_frames_that_were_kept_are_taken_when_their_turn_comes() -> None:
    order = ReorderBuffer[str](5)
    for seq in (6, 4, 5, 6):
        order.add(seq, str(seq), 1)
    assert not order.gap and [*order.ready()] == ["5", "6"] and order.take() is None


def test_too_many_and_too_large_is_crowded_until_it_is_cleared() -> None:
    many = ReorderBuffer[str]()
    for seq in range(2, GAP_FRAMES + 2):
        many.add(seq, "", 0)
    assert not many.crowded
    many.add(GAP_FRAMES + 2, "", 0)
    assert many.crowded
    large = ReorderBuffer[str]()
    large.add(2, "", GAP_BYTES)
    large.add(2, "", GAP_BYTES)
    assert not large.crowded, "a duplicate counts once"
    large.add(3, "", 1)
    assert large.crowded
    large.clear()
    assert not large.crowded and not large.gap and large.next == 1
