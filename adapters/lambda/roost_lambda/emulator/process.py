"""The emulator as a process of ours: started, watched, stopped by its id, on loopback and on ports of the system's."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from roost.contract.errors import TransientError
from roost.hosting.platform import Say

from .environment import Environments
from .gate import VARIABLE
from .runtime import SNAPSHOTS

STOPPING = 15.0
"""Seconds the emulator gets to end."""
SAVING = 300.0
"""Seconds it gets when its data is kept: it writes it at the end, and killed before that it would come back empty."""
BOOT: Final = 60.0
"""Seconds within which it must answer: a bound on failure."""
LINES: Final = 2000
THREADS: Final = "512"
"""Of the emulator, at most. A function that runs keeps one and asks DynamoDB for others: with its own 64, many
functions at once leave none that answers."""
RUN: Final = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('roost_lambda.emulator.serve', run_name='__main__', alter_sys=True)"
)
"""Roost's own packages stand last on the path: ministack keeps its versions of everything."""


class Ministack:
    """One emulator. It keeps everything in memory: a new one is empty, unless `state` names a folder, where it writes
    all at its end and finds it again. `port`: of what is deployed; `own`: of the AWS APIs; 0 takes any."""

    def __init__(
        self, environments: Environments, log: Say | None = None, port: int = 0, own: int = 0,
        state: Path | None = None, snapshots: bool = False,
    ) -> None:  # fmt: skip
        """`snapshots`: functions start from one (snapshots.py), in a tenth of the time."""
        self._environments = environments
        self._log = log
        self._port = port
        self._own = own
        self._state = state
        self._snapshots = snapshots
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self.logs: deque[str] = deque(maxlen=LINES)
        self.key = f"ROOST{secrets.token_hex(16)}"
        """The access key id that the AWS APIs want to see, and nobody else knows."""
        self.endpoint = ""
        """The AWS APIs."""
        self.url = ""
        """What is deployed."""

    async def start(self) -> None:
        """Start it and wait until it answers. TransientError with its log when it does not."""
        own, front = (_listening(port) for port in (self._own, self._port))
        self.endpoint, self.url = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in (own, front))
        self._port = front.getsockname()[1]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ROOST_", "PYTHON"))}
        environment |= {
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(own.getsockname()[1]), "AWS_ENDPOINT_URL": self.endpoint,
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000", "LAMBDA_WARM_TTL_SECONDS": "900", "PYTHONUNBUFFERED": "1",
            "MINISTACK_WORKER_THREADS": THREADS, VARIABLE: self.key,
        }  # fmt: skip
        if self._snapshots:
            environment[SNAPSHOTS] = str(self._environments.runtime)
        if self._state is not None:
            environment |= {"PERSIST_STATE": "1", "S3_PERSIST": "0", "STATE_DIR": str(self._state)}
        root = str(Path(__file__).parents[2])
        command = [str(self._environments.emulator), "-c", RUN, root, str(own.fileno()), str(front.fileno())]
        with own, front:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=environment, pass_fds=(own.fileno(), front.fileno()), stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL, limit=1 << 20,
            )  # fmt: skip
        self._reader = asyncio.ensure_future(self._follow(self._process))
        try:
            async with asyncio.timeout(BOOT), httpx.AsyncClient(headers=self.signed) as client:
                while self._process.returncode is None:
                    with suppress(httpx.TransportError):
                        if (await client.get(f"{self.endpoint}/_ministack/health")).status_code == 200:
                            return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.stop()
        raise TransientError(f"ministack did not start:\n{self.log}", code="emulator")

    @property
    def signed(self) -> dict[str, str]:
        """The header that lets in who has no SDK to sign with."""
        return {"authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/0/us-east-1/roost/aws4_request"}

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:  # a line longer than the limit: its rest follows
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self.logs.append(line)
            if self._log is not None:
                self._log(line)

    @property
    def log(self) -> str:
        """The last lines it and the functions printed."""
        return "\n".join(self.logs)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """The processes that run functions: its children, by Linux's /proc."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(OSError):
                found += [int(pid) for pid in (task / "children").read_text().split()]
        return [pid for pid in found if not _is_snapshot(pid)]

    async def kill_workers(self, doomed: list[int] | None = None) -> int:
        """kill -9 to every execution environment, as when the machines under all functions die, or to those named; how
        many. Returns when they are dead, so that what comes after finds none of them."""
        if doomed is None:
            doomed = self.workers()
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_runs(pid) for pid in doomed):  # noqa: ASYNC110  the system tells only their parent
            await asyncio.sleep(0.005)
        return len(doomed)

    async def wait(self) -> None:
        """Returns when it ended."""
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            self._process = process
            doomed = self.workers()
            self._process = None
            process.send_signal(
                signal.SIGTERM if self._state is not None else signal.SIGKILL
            )  # else nothing is to keep
            try:
                async with asyncio.timeout(STOPPING if self._state is None else SAVING):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
            for pid in doomed:  # its children, which it may have left
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError as error:
        made.close()
        raise TransientError(f"127.0.0.1:{port} can't be listened on: {error.strerror}", code="port") from error
    made.listen(1024)
    return made


def _is_snapshot(pid: int) -> bool:
    """It runs nothing: what is restored from it does."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "snapshot"
    except OSError:
        return False
