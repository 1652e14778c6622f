"""A real `roost serve` for tests: its own process, its own data, an ephemeral loopback port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOKEN = "operator-of-these-tests"
PATHS = [ROOT, ROOT / "core", ROOT / "adapters" / "local"]


@contextmanager
def serve(
    app: str, *options: str, data: Path | None = None, env: dict[str, str] | None = None
) -> Generator[str, None, None]:
    """The URL of a server of `module:app`; it gets SIGTERM in the end, and must then end well."""
    with tempfile.TemporaryDirectory(prefix="roost-test-") as folder:
        where = data or Path(folder) / "agents.db"
        command = [sys.executable, "-m", "roost_cli", "serve", app, "--port", "0", "--data", str(where), *options]
        paths = os.pathsep.join(str(p) for p in PATHS)
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "ROOST_ADMIN_TOKEN": TOKEN, "PYTHONPATH": paths, **(env or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = ""
            while not (found := re.search(r"http://[\d.]+:\d+", line)):
                line = process.stdout.readline()
                assert line, "the server ended before it listened"
            yield found[0]
        finally:
            process.terminate()
            process.communicate(timeout=40)
        assert process.returncode == 0, f"the server ended with {process.returncode}"
