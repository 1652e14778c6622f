"""Processes of the systems under test: started on loopback, waited for, ended at the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..figure import BenchFailed
from ..load import Report, Run
from .system import Load

PATIENCE = 90.0
"""Seconds within which a system must answer: a bound on failure."""


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[str | Path], folder: Path, name: str, env: Mapping[str, str] | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """A process until the end of the block; what it says goes to `name`.log in `folder`."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [str(one) for one in command], cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE,
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield running
    except BaseException:
        print(f"bench: {name} said:\n{log.read_text(errors='replace')[-4000:]}", file=sys.stderr)
        raise
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def ask(port: int, path: str, method: str = "GET", body: str | None = None) -> Any:
    """The JSON that one request is answered."""
    text = talk(port, path, method, body)
    return json.loads(text) if text else None


def talk(port: int, path: str, method: str = "GET", body: str | None = None) -> str:
    """What one request is answered, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        text: str = answer.read().decode()
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise BenchFailed(f"{method} {path}: {answer.status} {text}")
    return text


def answering(port: int, path: str, running: subprocess.Popen[bytes]) -> None:
    """Wait until it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            talk(port, path)
            return
        except (OSError, BenchFailed, http.client.HTTPException) as error:
            if running.poll() is not None or time.monotonic() > end:
                raise BenchFailed(f"it does not answer on port {port}: {error!r}") from error
            time.sleep(0.05)


def drive(program: Path, port: int, load: Load, **options: float | str) -> Report:
    """One run of the load generator."""
    told: dict[str, float | str] = {"request": load.request}
    if load.message:
        told |= {"message": load.message, "match": load.match, "refusal": load.refusal}
    return Run(program, port, **told, **options).finish()
