"""Who serves a data file: one process, told by a lock on a file beside it that also names the process."""

from __future__ import annotations

import os
from pathlib import Path

from roost.errors import RoostError

try:
    import fcntl
except ImportError:  # Windows: SQLite's own locks still keep two writers apart
    fcntl = None  # type: ignore[assignment]  # the module or None


class Owner:
    """The lock, held until `release` or the end of the process."""

    __slots__ = ("_fd",)

    def __init__(self, path: Path) -> None:
        """RoostError `data-in-use` names the process that serves `path`."""
        self._fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise RoostError(
                f"{path} is already served by process {pid}; stop it or use another --data",
                code="data-in-use",
                status=503,
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """The file stays: to remove it would let two processes lock two files of one name."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1
