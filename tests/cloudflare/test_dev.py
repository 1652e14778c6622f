"""`roost dev --on workerd`: the author's app in the real runtime, with its disk, its log and its reload."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import httpx
import pytest

from tests.local.cli.program import OPERATORS, PATHS, ROOT, Running, check_operators, here

from .projects import project

PYTHONPATH = ":".join(map(str, [*PATHS, ROOT / "adapters" / "cloudflare"]))


def call(url: str, action: str) -> object:
    answer = httpx.post(f"{url}/v1/agents/counter/a/call/{action}", json={}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def dev(folder: Path, **env: str) -> Running:
    return Running("dev", "--on", "workerd", "--port", "0", cwd=folder, PYTHONPATH=PYTHONPATH, **env)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_it_serves_reloads_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.local.cli.program.WAIT", 180.0)
    folder = project(tmp_path / "p", extra="[tool.roost.config.counter]\nstep = 3\n")
    (folder / ".env").write_text("ROOST_OTHER__STEP=9\n")
    with dev(folder, ROOST_OPERATORS=OPERATORS) as running:
        url = running.url
        running.heard("Ctrl-C stops")
        assert "workerd, the runtime of cloudflare" in running.said and "data  .roost/workerd" in running.said
        assert [call(url, "increment"), call(url, "increment"), call(url, "greet")] == [3, 6, "hello"]
        check_operators(url)
        running.heard("counted to 6")  # what the agent logs is shown

        edit(folder / "parts" / "words.py", "hello", "good day")
        running.heard(r"words\.py changed")
        running.heard(r"serving again")
        assert [call(url, "greet"), call(url, "increment")] == ["good day", 9]  # same URL, same agents

        edit(folder / "main.py", "app = App([Counter]", "app = (App([Counter]")
        running.heard("waiting for a change to the source")
        assert "main.py" in running.said and "was never closed" in running.said
        edit(folder / "main.py", "app = (App([Counter]", "app = App([Counter]")
        running.heard(r"serving again", 2)
        assert call(url, "increment") == 12
        assert running.end() == 0
    assert "Traceback" not in running.said
    with dev(folder, ROOST_COUNTER__STEP="10") as running:
        assert call(running.url, "increment") == 22  # the variable is stronger than pyproject.toml
        assert running.end() == 0


def test_what_it_can_not_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path / "p")
    done = here("dev", "--on", "nowhere", cwd=folder)
    assert done.returncode == 1 and re.search(r"nothing here emulates 'nowhere'; there are: .*workerd", done.stderr)
    done = here("dev", "--on", "workerd", "--data", ":memory:", cwd=folder)
    assert done.returncode == 2 and "names a folder" in done.stderr
    done = here("dev", "--on", "workerd", "--emulate", "lambda", cwd=folder)
    assert done.returncode == 2 and "not allowed with" in done.stderr
    monkeypatch.setattr(platform, "system", lambda: "FreeBSD")
    done = here("dev", "--on", "workerd", "--port", "0", "--no-reload", cwd=folder)
    assert done.returncode == 4
    assert "workerd has no binary for FreeBSD" in done.stderr and "--emulate cloudflare" in done.stderr
