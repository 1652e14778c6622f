"""Execution environments that are forked from a snapshot of their imports: each is a process with variables and an
output of its own; what cannot be imported makes no snapshot."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from roost_lambda.emulator.runtime import HERE

MAIN = """
import os
def main(argv):
    import handler
    print(os.getpid(), os.environ["MINE"], "SHARED" in os.environ, argv[1], handler.LOADED_BY, flush=True)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A function's folder, with what stands for AWS's client beside it."""
    client = tmp_path / "awslambdaric"
    client.mkdir()
    (client / "__init__.py").touch()
    (client / "__main__.py").write_text(MAIN)
    (client / "lambda_runtime_client.py").write_text(
        "class BaseLambdaRuntimeClient:\n    def call_rapid(self): ...\nimport os\nassert 'MINE' in os.environ\n"
    )
    (tmp_path / "botocore").mkdir()
    for name in ("botocore/__init__.py", "botocore/session.py", "app.py"):
        (tmp_path / name).touch()
    (tmp_path / "handler.py").write_text("import os\nLOADED_BY = os.getpid()\n")
    return tmp_path


def start(code: Path, handler: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(30)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", HERE, handler, "--snapshot", str(theirs.fileno())],
            cwd=code, env={"ROOST_APP": "app:app", "SHARED": "yes"}, pass_fds=(theirs.fileno(),),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return process, ours


def test_each_is_a_process_of_its_own(code: Path) -> None:
    process, channel = start(code, "handler.web")
    with process, channel:
        assert channel.recv(16) == b"{}"
        for mine in ("first", "second"):
            output, given = os.pipe()
            socket.send_fds(channel, [json.dumps({"MINE": mine}).encode()], [given])
            os.close(given)
            pid = channel.recv(32)
            with os.fdopen(output) as told:
                assert told.read().split() == [pid.decode(), mine, "False", "handler.web", str(process.pid)]
        channel.shutdown(socket.SHUT_RDWR)
        assert process.wait(30) == 0, "it ends with who made it"


def test_what_cannot_be_imported_makes_none(code: Path) -> None:
    process, channel = start(code, "absent.web")
    with process, channel:
        assert channel.recv(16) == b""
        assert process.wait(30) == 1
