"""Letters of one agent that want to be tried later, by when. A commit asks for the earliest, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contract.commit import Letter


class Resting:
    """{number of a letter: epoch seconds}. Each is in the heap, or ripe: not later than the time that was asked last.

    Asked for times that go forward it looks at each letter twice in its life; a clock that was set back costs a look at
    all.
    """

    __slots__ = ("_asked", "_heap", "_ripe", "_times")

    def __init__(self, letters: Iterable[Letter]) -> None:
        self._times = {letter.n: letter.next for letter in letters if letter.next}
        self._heap: list[tuple[float, int]] = []
        """And what has left or moved since, which is yet to be passed over."""
        self._ripe: set[int] = set()
        self._asked = 0.0
        self._sort()

    def __len__(self) -> int:
        return len(self._times)

    def set(self, n: int, at: float) -> None:
        """A letter waits, or waits anew; `at` 0: no longer for a time."""
        self._ripe.discard(n)
        if not at:
            self._times.pop(n, None)
            return
        self._times[n] = at
        heappush(self._heap, (at, n))
        if len(self._heap) > 2 * len(self._times) + 64:  # letters that are tried again and again
            self._sort()

    def drop(self, n: int) -> None:
        """It is no more."""
        self._ripe.discard(n)
        self._times.pop(n, None)

    def later(self, at: float, without: Collection[int | None] = ()) -> tuple[int, float | None]:
        """How many have to wait longer than `at`, and the earliest time of those; few numbers may be left out."""
        if at < self._asked:
            self._sort()
        self._asked = at
        heap, times, ripe = self._heap, self._times, self._ripe
        aside: list[tuple[float, int]] = []
        first: float | None = None
        while heap:
            next, n = heap[0]
            if times.get(n) == next and n not in ripe:
                if next <= at:
                    ripe.add(n)
                elif n in without:
                    aside.append(heap[0])
                else:
                    first = next
                    break
            heappop(heap)
        for one in aside:
            heappush(heap, one)
        count = len(times) - len(ripe)
        return count - sum(n in times and n not in ripe for n in without), first

    def earliest(self) -> float | None:
        """The earliest time of all, ripe ones too."""
        return min(self._times.values(), default=None)

    def _sort(self) -> None:
        self._ripe.clear()
        self._heap = [(at, n) for n, at in self._times.items()]
        heapify(self._heap)
