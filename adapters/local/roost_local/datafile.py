"""Whether the data file is still the one that was opened, and readable: what is written elsewhere is written nowhere.

A file that was deleted or replaced under a running server stays open and takes every write; none of them is there after
a restart. So each group of writes looks first, at the cost of two calls of stat.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

from roost.contract.errors import TransientError

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
log = logging.getLogger("roost")


class DataFile:
    """One data file and its write-ahead log. `trouble`: why nothing more is written; None = all is well."""

    __slots__ = ("_log", "_main", "_seen", "trouble")

    def __init__(self, path: Path) -> None:
        self._main, self._log = path, path.with_name(path.name + "-wal")
        self._seen: dict[Path, tuple[int, int]] = {}
        self.trouble: str | None = None

    def check(self) -> None:
        """TransientError `data-gone`: deleted or replaced since. It stays so: only a restart opens the file anew."""
        if self.trouble is None:
            for path in (self._main, self._log):
                if not self._is_there(path):
                    self._say(
                        "the data file was deleted or replaced while it was served; nothing is written until a restart",
                        f"{path}: put the file back, or take another, and restart",
                    )
                    break
        if self.trouble is not None:
            raise TransientError(self.trouble, code="data-gone", retry_after=5.0)

    def broken(self, error: BaseException) -> bool:
        """Whether an error says that the file's pages are damaged."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _CORRUPT:
            return False
        self._say(
            "the data file is damaged",
            f"{self._main}: {error}. Stop the server, then recover it with `sqlite3 FILE .recover`, or restore a copy",
        )
        return True

    def _is_there(self, path: Path) -> bool:
        try:
            found = path.stat()
        except FileNotFoundError:
            return path not in self._seen and path != self._main  # the log is made by the first write
        except OSError:
            return True  # it can't be told: what SQLite says counts
        return self._seen.setdefault(path, (found.st_dev, found.st_ino)) == (found.st_dev, found.st_ino)

    def _say(self, trouble: str, more: str) -> None:
        """`more`: for the log alone, as callers need not know where files are."""
        if self.trouble is None:
            self.trouble = trouble
            log.error("%s: %s", trouble, more)
