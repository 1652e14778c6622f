"""When a commit leaves its agent due and armed: what the heap says, against looking at every line."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

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
