"""Who serves a data file: one process, told by a lock on a file beside it that also names the process."""

from __future__ import annotations

import os
from pathlib import Path

from roost.contract.errors import RoostError

try:
    import fcntl
except ImportError:  # Windows: SQLite's own locks still keep two writers apart
    fcntl = None  # type: ignore[assignment]  # the module or None


class Owner:
    """The lock, held until `release` or the end of the process."""

    __slots__ = ("_file",)

    def __init__(self, path: Path) -> None:
        """RoostError `data-in-use` names the process that serves `path`."""
        lock = path.with_name(path.name + ".lock")
        self._file = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._file.read(32).strip() or "unknown"
            self._file.close()
            raise RoostError(
                f"{path} is already served by process {pid}; stop it or use another --data",
                code="data-in-use",
                status=503,
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """The file stays: to remove it would let two processes lock two files of one name."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()
