"""The store fails: callers are told to try again, and the log is told why, with whom it hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from logging import Logger

    from ..contract.address import Address
    from ..contract.errors import RoostError

STORAGE: Final = frozenset({"storage", "store", "unknown"})
"""Codes of a store that can't do its work. A store that is busy, or that another host wrote to meanwhile, can."""


def note(log: Logger, address: Address, what: str, error: RoostError) -> None:
    """Once for each run that the store fails."""
    if error.code in STORAGE:
        log.error("%s %s was not stored: %s", address, what, error.message)
