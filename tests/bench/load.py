"""The load generator (load.c), as Python sees it: what it is told and what it reports.

Its templates: `%d` stands for a name (`names` numbers from `first` on, in turn), `%s` for the number of
the request.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from .figure import BenchFailed

HERE = Path(__file__).parent
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]


@dataclass(frozen=True, slots=True)
class Report:
    """What one run measured. Times are milliseconds, `client_us` its own CPU time a request."""

    rate: float = 0.0
    count: int = 0
    replies: int = 0
    client_us: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    warm_p50_ms: float = 0.0
    warm_p99_ms: float = 0.0
    all_p50_ms: float = 0.0
    all_p99_ms: float = 0.0
    errors: int = 0
    first_error: str = ""


def compile_load(folder: Path) -> Path:
    """The program, built into `folder`."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchFailed(
            "the load generator is a C program: install a compiler (on Debian: apt-get install gcc libc6-dev)"
        )
    program = folder / "load"
    sources = [str(HERE / name) for name in ("load.c", "conn.c", "tally.c")]
    built = subprocess.run(
        [compiler, *FLAGS, "-o", str(program), *sources, "-lm"], capture_output=True, text=True, timeout=60, check=False
    )
    if built.returncode:
        raise BenchFailed(f"cc could not build the load generator:\n{built.stderr}")
    return program


def request(method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> str:
    """An HTTP request. The body is of fixed length: no template in it."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body.encode())}", "", body])


def handshake(path: str) -> str:
    """A WebSocket handshake; its key is the one load.c knows the answer to."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    return "\r\n".join([*lines, "", ""])


class Run:
    """One run of the program, under way."""

    def __init__(self, program: Path, port: int, **options: str | float) -> None:
        self._limit = float(options.get("limit", 60))
        told = [f"{name}={value}" for name, value in {"port": port, **options}.items()]
        self._process = subprocess.Popen(
            [str(program), *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def opened(self) -> None:
        """Mode idle: wait until all connections are open."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith('{"open"'):
            self.finish(line)

    def after(self, seconds: float) -> None:
        """Let it run for a while, then return."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def finish(self, said: str = "", *, broken: bool = False) -> Report:
        """The report; BenchFailed when anything went wrong. `broken`: it is meant to be cut off."""
        try:
            out, errors = self._process.communicate(timeout=self._limit + 30)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        try:
            found: dict[str, float | str] = json.loads(said + out)
        except ValueError:
            raise BenchFailed(f"the load generator: {errors or said + out}") from None
        report = Report(**{f.name: found[f.name] for f in fields(Report) if f.name in found})  # type: ignore[arg-type]
        if report.errors and not broken:
            raise BenchFailed(f"{report.errors} of {report.replies} went wrong; the first: {report.first_error}")
        return report
