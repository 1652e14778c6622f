"""docs/page.svg, drawn from the page itself: `python -m tests.local.console.picture`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx

from ..cli.program import ROOT, Running
from ..test_console import LINK, MODULES, NODE


def main() -> None:
    """The example's counter, with a few things done and to come."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "examples" / "main.py", Path(folder) / "main.py")
        with Running("dev", "main:app", "--port", "0", cwd=Path(folder)) as dev:
            found = dev.heard(LINK)
            with httpx.Client(base_url=f"{dev.url}/v1/agents", timeout=30) as http:
                for key, by in (("tea", 3), ("demo", 40), ("demo", 2)):
                    http.post(f"/counter/{key}/call/increment", json={"args": [by]}).raise_for_status()
                for seconds, text in ((0, "coffee"), (600, "tea")):
                    http.post("/counter/demo/call/remind", json={"args": [seconds, text]}).raise_for_status()
                http.post("/board/plan/call/put", json={"args": ["a1", "launch"]}).raise_for_status()
            given = {
                "ROOST_URL": found[1], "ROOST_KEY": found[2], "MODULES": str(MODULES), "AGENT": "#/counter/demo",
                "CHROMIUM": shutil.which("chromium") or "chromium", "OUT": str(ROOT / "docs" / "page.svg"),
                "SHOWS": "42|coffee|Europe/Paris",
            }  # fmt: skip
            subprocess.run([NODE, Path(__file__).with_name("picture.mjs")], env={**os.environ, **given}, check=True)


if __name__ == "__main__":
    main()
