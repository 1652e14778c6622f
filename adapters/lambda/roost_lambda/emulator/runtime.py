"""What runs a function's events, by AWS's own `awslambdaric`: a script for the runtime's Python, which knows no Roost.

`runtime.py HANDLER` runs one execution environment. `runtime.py HANDLER --snapshot FD` imports what HANDLER needs,
once, and for each message on the socket FD becomes an environment by a fork, as Lambda's SnapStart restores a snapshot:
what is drawn or opened before the fork would be shared, so it imports modules and calls nothing.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

HERE: Final = __file__
SNAPSHOTS: Final = "ROOST_SNAPSHOTS"
"""Variable of the emulator: the runtime's Python. Not set: every start is a cold one."""
NAME: Final = b"snapshot"
"""Of the process, in /proc/PID/comm: it runs no events, and is no execution environment."""
RESTORED: Final = b"restored"
SET_NAME: Final = 15
"""prctl(2)."""
SIZE: Final = 1 << 20


def run(handler: str) -> None:
    """Take events until the process is killed."""
    kind: Any = importlib.import_module("awslambdaric.lambda_runtime_client").BaseLambdaRuntimeClient
    main: Callable[[list[str]], int] = importlib.import_module("awslambdaric.__main__").main
    made = kind.call_rapid

    def call_rapid(self: Any, method: str, endpoint: str, *more: Any, **named: Any) -> None:
        # Of all its calls, those that tell of a failed start take an address for a host and a port, and nothing else.
        address = self.lambda_runtime_address
        self.lambda_runtime_address, _, front = address.partition("/")
        try:
            made(self, method, "/" + front + endpoint, *more, **named)
        finally:
            self.lambda_runtime_address = address

    kind.call_rapid = call_rapid
    sys.argv = ["awslambdaric", handler]
    sys.exit(main(sys.argv))


def snapshot(handler: str, fd: int) -> None:
    """Answers `{}` when all is imported, or ends; then one process id a message. A message: the environment's
    variables, and its output."""
    channel = socket.socket(fileno=fd)
    _call(NAME)
    # Not AWS's client: it reads where its events come from when it is loaded.
    for name in (handler.rpartition(".")[0], "botocore.session", os.environ["ROOST_APP"].partition(":")[0]):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    channel.send(b"{}")
    while True:
        message, fds, _, _ = socket.recv_fds(channel, SIZE, 1)
        if not message:
            return
        told, tell = os.pipe()
        first = os.fork()
        if first == 0:
            # Of two forks: the emulator waits for its processes by their ids, so it must be the parent of the second.
            second = os.fork()
            if second:
                os.write(tell, str(second).encode())
                os._exit(0)
            for fd in (told, tell):
                os.close(fd)
            channel.close()
            os.environ.clear()
            os.environ.update(json.loads(message))
            for number in (1, 2):
                os.dup2(fds[0], number)
            os.close(fds[0])
            _call(RESTORED)
            run(handler)
        os.waitpid(first, 0)
        channel.send(os.read(told, 32))
        for fd in (told, tell, fds[0]):
            os.close(fd)


def _call(name: bytes) -> None:
    ctypes.CDLL(None).prctl(SET_NAME, name, 0, 0, 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    if len(sys.argv) > 2:
        snapshot(sys.argv[1], int(sys.argv[3]))
    else:
        run(sys.argv[1])
