"""Which process runs which test: those that wait for servers in one, those that compute beside them in the other.

Two suites that start dozens of processes each, at the same time on two cores, measure each other; and two that wait
leave the cores idle. Whoever has no test of its own lane left takes of the other's.
"""

from __future__ import annotations

from typing import Any, Final

from xdist.scheduler import (  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
    LoadScheduling,
)

WAITING: Final = ("conformance", "kills", "lambda", "cloudflare", "parity", "clients")
"""Folders of the first lane, the longest first."""
COMPUTING: Final = ("simulation",)
"""Of the other, before all else."""


def place(folder: str) -> int:
    """Where a folder's tests stand in the order of all."""
    order = (*WAITING, *COMPUTING)
    return order.index(folder) if folder in order else len(order)


class Lanes(LoadScheduling):  # type: ignore[misc]  # what it extends has no types
    """One test at a time to whoever is free, of its own lane as long as there are any."""

    def _send_tests(self, node: Any, num: int) -> None:
        first = self.nodes.index(node) % 2 == 0
        chosen = sorted(self.pending, key=lambda item: self._waits(item) != first)[:num]
        if chosen:
            self.pending[:] = [item for item in self.pending if item not in chosen]
            self.node2pending[node].extend(chosen)
            node.send_runtest_some(chosen)

    def _waits(self, item: int) -> bool:
        assert self.collection is not None
        return folder_of(self.collection[item]) in WAITING


def folder_of(test: str) -> str:
    """The folder of a test's id, `tests/FOLDER/...`."""
    return test.split("/")[1]
