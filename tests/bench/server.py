"""The servers under test: started on a free port of loopback, watched through /proc, ended at the end."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .figure import BenchFailed

ROOT = Path(__file__).parents[2]
ROOST = [sys.executable, "-m", "roost_cli", "serve", "tests.bench.app:app", "--port", "0"]
BARE = [sys.executable, "-m", "tests.bench.bare"]
TOKEN = "operator-of-the-bench"
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server process. Use `serving`."""

    def __init__(self, command: Sequence[str]) -> None:
        env = {**os.environ, "ROOST_ADMIN_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said: deque[str] = deque(maxlen=40)
        self._listens = threading.Event()
        self._port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not self._port and (found := re.search(r"http://127\.0\.0\.1:(\d+)", line)):
                self._port = int(found[1])
                self._listens.set()
            else:
                self.said.append(line)
        self._listens.set()

    @property
    def port(self) -> int:
        """Waits until it listens."""
        self._listens.wait(60)
        if not self._port:
            raise BenchFailed(f"the server did not start:\n{''.join(self.said)}")
        return self._port

    def resident(self) -> int:
        """Bytes of memory it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def at_rest(self) -> int:
        """Bytes of memory it holds once it does nothing any more: CPU idle and memory the same for a second."""
        last, since, end = (self.resident(), self.cpu()), time.monotonic(), time.monotonic() + 60
        while time.monotonic() < min(end, since + 1.0):
            time.sleep(0.1)
            found = (self.resident(), self.cpu())
            if abs(found[0] - last[0]) > 65536 or found[1] - last[1] > 0.02:
                since = time.monotonic()
            last = found
        return last[0]

    def cpu(self) -> float:
        """Seconds of CPU time it has used, all threads."""
        return cpu_of(self.process.pid)

    def ask(self, method: str, path: str, body: str | None = None) -> Any:
        """The JSON that one request is answered, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, body, {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise BenchFailed(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(45)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join(5)
        return self.process.returncode


def cpu_of(pid: int) -> float:
    """Seconds of CPU time a process has used, all threads."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / TICKS


def busy() -> float:
    """Seconds of CPU time that this machine has spent on anything, all cores."""
    spent = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return (sum(int(one) for one in spent) - int(spent[3]) - int(spent[4])) / TICKS


@contextmanager
def serving(command: Sequence[str]) -> Generator[Server]:
    """A server until the end of the block, where it must end well (uvicorn passes its signal on)."""
    server = Server(command)
    try:
        _ = server.port
        yield server
    except BaseException:
        server.kill()
        if server.said:
            print("the server said:\n" + "".join(server.said), file=sys.stderr)
        raise
    if server.process.poll() is None and (code := server.stop()) not in (0, -signal.SIGTERM):
        raise BenchFailed(f"the server ended with {code}:\n{''.join(server.said)}")


def roost(data: Path, idle_after: float = 600.0) -> list[str]:
    """The command of a Roost server on this data file."""
    return [*ROOST, "--data", str(data), "--idle-after", str(idle_after)]
