"""The command line as a user runs it: real processes in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from unittest import mock

import httpx

from roost_cli import main

ROOT: Final = Path(__file__).parents[3]
PATHS: Final = [ROOT / "core", ROOT / "adapters" / "local"]
WAIT: Final = 30.0
"""Seconds after which a test that waits for something gives up."""
URL: Final = r"http://127\.0\.0\.1:\d+"

APP: Final = """\
from pydantic import BaseModel
from roost import Agent, App, Rejected, action

class Tally(BaseModel):
    count: int = 0

class Counter(Agent[Tally]):
    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        self.record("added", {"by": by})
        return self.state.count

    @action
    async def refuse(self) -> None:
        raise Rejected("no more seats", code="no-seat", status=409, data={"left": 0})

    @action
    async def fail(self) -> None:
        raise ValueError("secret detail")

app = App([Counter])
"""


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would steer the program."""
    base = {k: v for k, v in os.environ.items() if not k.startswith("ROOST_")}
    return {**base, "PYTHONPATH": os.pathsep.join(map(str, PATHS)), "PYTHONUNBUFFERED": "1", **more}


def command(*args: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "roost_cli", *args]


def roost(*args: str, cwd: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        command(*args), cwd=cwd, env=environment(**env), input=stdin, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def here(*args: str, cwd: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """The same as `roost` in this process, for what needs no process of its own: five times as fast."""
    out, err, folder, path = StringIO(), StringIO(), Path.cwd(), list(sys.path)
    before = dict(os.environ)
    try:
        os.chdir(cwd)
        for name in [n for n in os.environ if n.startswith("ROOST_")]:
            del os.environ[name]
        os.environ.update(env)
        with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", StringIO(stdin)):
            code = main(list(args))
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)
        sys.path[:] = path
        for name in ("main", "parts"):
            sys.modules.pop(name, None)
    return subprocess.CompletedProcess(list(args), code, out.getvalue(), err.getvalue())


OPERATORS = json.dumps({"grafana": {"role": "read", "tokens": ["a-token-of-grafana-0123456789"]}})


def check_operators(url: str) -> None:
    """The server was started with `OPERATORS`: who only reads may list, and not destroy."""
    headers = {"authorization": "Bearer a-token-of-grafana-0123456789", "accept": "application/json"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        listed = http.get("/v1/agents")
        assert listed.status_code == 200, f"the operators were not passed on: {listed.text}"
        refused = http.delete("/v1/agents/counter/a")
        assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed"), refused.text
        noted = http.get("/v1/audit").json()["events"]
    assert [one["data"]["who"] for one in noted if one["kind"] == "refused"] == ["grafana"], noted


class Running:
    """A server on the command line; what it says is kept in `said`."""

    def __init__(self, *args: str, cwd: Path, **env: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            command(*args), cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is not None:
            return  # `end` has read the rest
        self.process.terminate()
        try:
            rest, _ = self.process.communicate(timeout=WAIT)
            self.said += rest.decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise

    def heard(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until what it said holds `pattern`, that often; the last match."""
        assert self.process.stdout is not None
        fd, end = self.process.stdout.fileno(), time.monotonic() + WAIT
        while len(found := list(re.finditer(pattern, self.said))) < times:
            readable, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
            data = os.read(fd, 65536) if readable else b""
            assert data, f"it did not say {pattern!r}:\n{self.said}"
            self.said += data.decode()
        return found[-1]

    @property
    def url(self) -> str:
        """The server's: the first it names."""
        self.heard(URL)
        return next(re.finditer(URL, self.said))[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and wait; its exit code."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=WAIT)
        self.said += rest.decode()
        return self.process.returncode


def write_app(folder: Path, source: str = APP, extra: str = "") -> None:
    """A project in `folder`."""
    (folder / "main.py").write_text(source)
    (folder / "pyproject.toml").write_text(f'[tool.roost]\napp = "main:app"\n{extra}')
