"""The emulator's data is on disk before another one takes its place, however long it takes to write it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from roost_lambda.emulator import process
from roost_lambda.emulator.process import Ministack

pytestmark = pytest.mark.anyio
FAKE = """\
import http.server, os, pathlib, signal, socket, sys, time

class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

def save(*_):
    time.sleep(SECONDS)
    pathlib.Path(os.environ["STATE_DIR"], "saved").write_text("5")
    os._exit(0)

if "STATE_DIR" in os.environ:
    signal.signal(signal.SIGTERM, save)
server = http.server.HTTPServer(("127.0.0.1", 0), Healthy, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[4]))
server.socket.listen()
server.serve_forever()
"""


class Slow:
    """Environments whose emulator needs so many seconds to write its data."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.emulator = folder / "emulator"
        code = FAKE.replace("SECONDS", str(seconds))
        self.emulator.write_text(f"#!{sys.executable}\n{code}")
        self.emulator.chmod(0o755)


async def test_data_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOPPING", 0.2)
    slow: Any = Slow(tmp_path, 1.0)
    stack = Ministack(slow, state=tmp_path)
    await stack.start()
    await stack.stop()
    assert (tmp_path / "saved").read_text() == "5", "it was killed while it wrote"


async def test_one_without_data_ends_at_once(tmp_path: Path) -> None:
    slow: Any = Slow(tmp_path, 60.0)
    stack = Ministack(slow)
    await stack.start()
    began = time.monotonic()
    await stack.stop()
    assert time.monotonic() - began < 15 and not (tmp_path / "saved").exists()
