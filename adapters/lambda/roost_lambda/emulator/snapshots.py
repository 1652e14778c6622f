"""Execution environments restored from a snapshot, as with Lambda's SnapStart, inside the emulator's process.

A cold start is a second of CPU, most of it imports, and tests that kill every environment pay it by the hundred. A
function's first start makes the snapshot (see runtime.py); the next ones fork it.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from typing import Any, Final

from . import inside
from .runtime import HERE, SNAPSHOTS

SET_CHILD_SUBREAPER: Final = 36
"""prctl(2): orphans below this process become its children."""
ITS_OWN: Final = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME")
"""Variables that tell one environment of a function from another."""


class Restored(subprocess.Popen[bytes]):
    """A process that another one forked for us."""

    def __init__(self, pid: int, output: int, args: list[str]) -> None:
        self.args = args
        self.stdin = self.stderr = None
        self.stdout = os.fdopen(output, "rb")
        self.pid = pid
        self.returncode: int | None = None
        self._child_created = True
        self._waitpid_lock = threading.Lock()
        self._communication_started = False
        self._input = None
        self._sigint_wait_secs = 0.25


class Snapshot:
    """Of one function: its code and its variables."""

    def __init__(self, python: str, handler: str, folder: str, env: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [python, "-P", HERE, handler, "--snapshot", str(theirs.fileno())],
                cwd=folder, env=dict(env), pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.whole = self._channel.recv(16) == b"{}"
        """False: something could not be imported. A cold start tells of it as AWS does."""

    def restore(self, args: list[str], env: Mapping[str, str]) -> Restored | None:
        """None: the snapshot is no more."""
        ours, theirs = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._channel, [json.dumps(dict(env)).encode()], [theirs])
                told = self._channel.recv(32)
        except OSError:
            told = b""
        finally:
            os.close(theirs)
        if not told:
            os.close(ours)
            return None
        return Restored(int(told), ours, args)


class Snapshots:
    """Stands for `subprocess` in the module that starts environments."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Snapshot] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, args: list[str], **given: Any) -> subprocess.Popen[Any]:
        env, folder = given.get("env"), given.get("cwd")
        if env is None or folder is None or "ROOST_APP" not in env or not args[0].endswith("bootstrap"):
            return subprocess.Popen(args, **given)
        shared = json.dumps({name: value for name, value in env.items() if name not in ITS_OWN}, sort_keys=True)
        with self._lock:
            found = self._made.get((folder, shared))
            if found is None:
                found = Snapshot(self._python, env["_HANDLER"], folder, env)
                self._made[folder, shared] = found
        restored = found.restore(args, env) if found.whole else None
        return subprocess.Popen(args, **given) if restored is None else restored


def install() -> None:
    python = os.environ.get(SNAPSHOTS)
    if python:
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        inside.runtime.subprocess = Snapshots(python)
