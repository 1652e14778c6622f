"""Letters on their way into the store, beside the ticks: what commits meanwhile must not forget, nor bring back."""

from __future__ import annotations

from collections.abc import Collection


class Parking:
    """True while any letter is being parked."""

    __slots__ = ("_consumed", "_due")

    def __init__(self) -> None:
        self._due: dict[object, float] = {}
        self._consumed: set[int] | None = set()
        """Letters (n) consumed meanwhile; None: all of them."""

    def __bool__(self) -> bool:
        return bool(self._due)

    def begin(self, due: float) -> object:
        """A letter sets out, due then, 0 = at once; what `end` is given."""
        token = object()
        self._due[token] = due
        return token

    def end(self, token: object) -> None:
        """It has arrived, or will not."""
        del self._due[token]
        if not self._due:
            self._consumed = set()

    def promised(self) -> Collection[float]:
        """When letters under way are due: the next commit must leave the agent armed for them."""
        return self._due.values()

    def consumed(self, n: int | None) -> None:
        """A letter is no more; None: all of them."""
        if self._due:
            if n is None:
                self._consumed = None
            elif self._consumed is not None:
                self._consumed.add(n)

    @property
    def ended_all(self) -> bool:
        """All letters went at once: the agent was destroyed meanwhile."""
        return self._consumed is None

    def has_consumed(self, n: int) -> bool:
        """The late answer to a park must not bring this letter back."""
        return self._consumed is None or n in self._consumed
