"""When a commit leaves its agent due and armed: what the heap says, against looking at every line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random
from types import FrameType
from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.commit import Commit, Letter, Schedule, Snapshot, Unschedule
from roost.tick.image import Image

HERE = Address("clock", "one")


def schedule(random: Random, keys: int) -> Schedule:
    retry = random.choice([None, None, float(random.randint(1, 50))])
    return Schedule(f"k{random.randrange(keys)}", 1, float(random.randint(0, 40)), b"", "ring", b"", 0, retry)


def letter(n: int, next: float) -> Letter:
    return Letter(f"x{n}", "client", "", "ring", b"", next=next, n=n)


def change(random: Random, image: Image, at: float, keys: int) -> Commit:
    commit = Commit(HERE, 1, image.version, image.version + 1, at, destroy=random.random() < 0.02)
    rows = {row.key: row for row in (schedule(random, keys) for _ in range(random.choice([0, 0, 1, 1, 3])))}
    commit.schedules = tuple(row if random.random() < 0.7 else Unschedule(row.key) for row in rows.values())
    if image.letters and random.random() < 0.4:
        n = random.choice(list(image.letters))
        if random.random() < 0.5:
            commit.consumed = n
        else:
            commit.deferred = letter(n, at + random.choice([0.0, 3.0]))
    return commit


def expected(image: Image, commit: Commit, promised: Sequence[float]) -> tuple[float | None, float | None]:
    """(due, armed), the slow way."""
    rows = dict(image.schedules)
    for row in commit.schedules:
        if isinstance(row, Schedule):
            rows[row.key] = row
        else:
            rows.pop(row.key, None)
    letters = {n: x for n, x in image.letters.items() if n != commit.consumed}
    if commit.deferred is not None:
        letters[commit.deferred.n] = commit.deferred
    nexts = [x.next for x in letters.values()]
    due = min([r.at for r in rows.values()] + [t for t in (*nexts, *promised) if t > commit.at], default=None)
    under_way = image.waiting > len(image.letters) or 0.0 in promised or any(t <= commit.at for t in nexts)
    soon = commit.at + 5.0
    return due, due if not under_way else soon if due is None else min(due, soon)


@pytest.mark.parametrize("seed", range(30))
def test_due_and_armed(seed: int) -> None:
    random = Random(seed)
    keys = random.choice([2, 5, 30])
    rows = {row.key: row for row in (schedule(random, keys) for _ in range(8))}
    letters = tuple(letter(n, random.choice([0.0, 0.0, float(n)])) for n in range(1, 6))
    image = Image(Snapshot(HERE, state=b"{}", schedules=tuple(rows.values()), letters=letters, waiting=len(letters)))
    image.due, at = image.earliest(), 0.0
    for step in range(100):
        at = max(0.0, at + random.choice([0, 1, 1, -1]))  # a commit that was lost may have been of a later time
        commit = change(random, image, at, keys)
        promised = random.choice([(), (), (0.0,), (at + 2,)])
        due, armed = expected(image, commit, promised)
        nothing = not (commit.schedules or commit.deferred or commit.consumed or image.letters or promised)
        image.plan(commit, promised)
        assert (commit.next_due, commit.armed) == ((image.due, image.due) if nothing else (due, armed))
        if random.random() < 0.8:
            image.apply(commit)
        if random.random() < 0.3:
            image.keep(letter(100 + step, random.choice([0.0, at + 4])))
            image.waiting += 1


def test_a_key_set_again_and_again_takes_no_memory() -> None:
    image = Image(Snapshot(HERE, state=b"{}", schedules=(Schedule("first", 1, 1.0, b"", "ring", b""),)))
    for n in range(1000):
        commit = Commit(HERE, 1, n, n + 1, float(n), schedules=(Schedule("again", n, n + 60.0, b"", "ring", b""),))
        image.plan(commit)
        assert commit.next_due == 1.0
        image.apply(commit)
    assert len(image._times) < 100  # pyright: ignore[reportPrivateUsage]


def steps(work: Callable[[], object]) -> int:
    """Bytecode instructions that `work` takes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def resting(count: int) -> Image:
    letters = tuple(letter(n, 1000.0 + n) for n in range(1, count + 1))
    return Image(Snapshot(HERE, state=b"{}", letters=letters, waiting=count))


def call(image: Image, at: float, consumed: int | None = None) -> None:
    commit = Commit(HERE, 1, image.version, image.version + 1, at, consumed=consumed)
    image.plan(commit)
    image.apply(commit)


def test_a_commit_costs_the_same_however_many_letters_rest() -> None:
    few, many = resting(100), resting(5000)
    for image in (few, many):
        call(image, 0.5)
    assert steps(lambda: call(many, 1.0)) == steps(lambda: call(few, 1.0))
    assert steps(lambda: many.settle((), 2.0)) == steps(lambda: few.settle((), 2.0))
    first = steps(lambda: call(few, 1001.0, 1))
    assert steps(lambda: call(many, 1001.0, 1)) == first
    assert (few.due, many.due) == (1002.0, 1002.0)


def test_of_letters_due_at_once_each_is_looked_at_twice() -> None:
    """All become ripe together; each commit consumes one of them."""

    def all_of_them(count: int) -> int:
        image = resting(count)

        def consume() -> None:
            for n in range(1, count + 1):
                call(image, 9999.0, n)

        return steps(consume)

    assert all_of_them(1000) < 11 * all_of_them(100)


def test_a_clock_set_back_finds_letters_resting_again() -> None:
    image = resting(3)
    call(image, 2000.0)
    assert image.armed == 2005.0
    assert image.settle((), 1001.5) == 1002.0
    assert image.settle((), 999.0) == 1001.0
