"""Numbered frames in the order of their numbers (rule 16). Data in, data out: clocks and sockets are the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from .numbering import too_much

F = TypeVar("F")


class ReorderBuffer(Generic[F]):
    """Frames that came before their turn."""

    __slots__ = ("_early", "next", "size")

    def __init__(self, following: int = 1) -> None:
        self.next = following
        """The number whose turn it is; 0: that of whichever frame comes first."""
        self.size = 0
        """Bytes of the frames that wait."""
        self._early: dict[int, tuple[F, int]] | None = None
        """Number -> (frame, its bytes). None until a frame comes early, which most connections never see."""

    def put(self, seq: int, frame: F, size: int) -> F | None:
        """A frame has come: itself if it is its turn, and `take` says what follows. Else it waits; a duplicate is
        dropped."""
        if not self.next:
            self.next = seq
        if seq == self.next:
            self.next += 1
            return frame
        self.add(seq, frame, size)
        return None

    def add(self, seq: int, frame: F, size: int) -> None:
        """Keep a frame of `size` bytes for `take`; a duplicate is dropped."""
        if seq < self.next:
            return
        if self._early is None:
            self._early = {}
        if seq not in self._early:
            self._early[seq] = frame, size
            self.size += size

    def take(self) -> F | None:
        """The frame whose turn it is, if it is here."""
        found = self._early.pop(self.next, None) if self._early else None
        if found is None:
            return None
        self.next += 1
        self.size -= found[1]
        return found[0]

    def ready(self) -> Iterator[F]:
        """Take all whose turn it is."""
        while (frame := self.take()) is not None:
            yield frame

    @property
    def waiting(self) -> dict[int, F]:
        """The frames that are here by their numbers."""
        return {seq: frame for seq, (frame, _) in self._early.items()} if self._early else {}

    @property
    def gap(self) -> bool:
        """Frames are here, and the one whose turn it is is not."""
        return self._early is not None and len(self._early) > 0 and self.next not in self._early

    @property
    def crowded(self) -> bool:
        """More is here than may wait behind a gap."""
        return self._early is not None and too_much(len(self._early), self.size)

    def clear(self) -> None:
        """Drop what waits."""
        self._early = None
        self.size = 0
