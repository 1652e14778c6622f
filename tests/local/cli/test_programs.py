"""The command line for programs and for shells: every command speaks JSON, how each ends, what completion offers."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost_cli.completion import SCRIPTS, candidates
from roost_cli.main import parser

from .program import ROOT, WAIT, Running, command, environment, here, roost, write_app

APP = """\
from roost import Agent, App, Rejected, Retry, Run, action, job

class Counter(Agent):
    @action
    async def add(self, by: int = 1) -> int:
        if by > 9:
            raise Rejected("too much", code="much", status=409, data={"most": 9})
        self.record("added", by)
        return by

    @job
    async def work(self, run: Run) -> str:
        return str((await run.wait("go")))

app = App([Counter])
"""
EACH: list[tuple[str, list[str]]] = [
    ("call", ["counter", "a", "add", "2"]),
    ("tell", ["counter", "a", "add", "99"]),
    ("tail", ["counter", "a", "--no-follow"]),
    ("agents", []),
    ("state", ["counter", "a"]),
    ("status", ["counter", "a"]),
    ("letters", ["counter", "a"]),
    ("redrive", ["counter", "a"]),
    ("purge", ["counter", "a", "--yes"]),
    ("start", ["counter", "a", "work", "--key", "k"]),
    ("jobs", ["counter", "a"]),
    ("job", ["counter", "a", "k"]),
    ("signal", ["counter", "a", "k", "go", "on"]),
    ("restart", ["counter", "a", "k2"]),
    ("cancel", ["counter", "a", "k2"]),
    ("answer", ["counter", "a", "nothing", "1"]),
    ("hibernate", ["counter", "a"]),
    ("export", ["counter", "b"]),
    ("import", ["counter", "c", "-"]),
    ("destroy", ["counter", "b", "--yes"]),
    ("audit", []),
    ("limits", []),
    ("check", []),
    ("validate", ["nowhere"]),
    ("key", ["ann"]),
    ("bundle", ["nowhere"]),
    ("new", ["counter", "made"]),
    ("completion", ["bash"]),
]
"""A line of each command, in an order that makes sense."""
ALONE = {"dev", "serve", "conformance", "config", "migrate-store"}
"""They serve, or write a report by `--json FILE`, or have tests of their own."""
REFUSED = {"restart", "cancel", "answer", "import", "validate", "bundle"}
"""Of these lines: what is refused, which is JSON too."""


def commands() -> set[str]:
    root: Any = parser()
    return next({*one.choices} for one in root._actions if one.dest == "command")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    write_app(folder, APP)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with Running("dev", "--port", "0", "--json", cwd=folder) as dev:
        dev.heard(r"\}\n")
        said: dict[str, Any] = json.loads(next(line for line in dev.said.splitlines() if line.startswith("{")))
        assert said.keys() == {"serving", "page", "app", "data", "kinds"} and said["kinds"] == ["counter"]
        yield said["serving"]


def test_every_command_speaks_json(folder: Path, url: str) -> None:
    assert {name for name, _ in EACH} | ALONE >= commands(), "a command without a line here"
    here("call", "counter", "b", "add", "--url", url, cwd=folder)
    for name, args in EACH:
        done = here(name, *args, "--json", cwd=folder, stdin="{}", ROOST_URL=url)
        assert done.returncode == 0 or name in REFUSED, f"{name}: {done.stdout}{done.stderr}"
        found = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode and not found:
            [error] = [json.loads(line) for line in done.stderr.splitlines()]
            assert error["error"]["code"] and error["error"]["message"], name
        elif not done.returncode:
            assert not done.stderr, f"{name}: {done.stderr}"


def test_errors_are_json_too(folder: Path, url: str) -> None:
    done = here("call", "counter", "a", "add", "99", "--json", cwd=folder, ROOST_URL=url)
    error = json.loads(done.stderr)["error"]
    assert done.returncode == 1 and not done.stdout
    assert (error["code"], error["message"], error["data"]) == ("much", "too much", {"most": 9})
    done = here("agents", "--json", "--url", "http://127.0.0.1:9", cwd=folder)
    assert done.returncode == 3 and json.loads(done.stderr)["error"]["code"] == "unreachable"


def test_the_exit_codes_are_those_that_are_documented(folder: Path, url: str, tmp_path: Path) -> None:
    table = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    assert [int(code) for code, _ in table] == [0, 1, 2, 3, 4, 130]
    (tmp_path / "main.py").write_text("import nowhere\n")
    lines = (
        (0, ["limits"], folder), (1, ["call", "counter", "a", "add", "99", "--url", url], folder),
        (2, ["call"], folder),
        (3, ["agents", "--url", "http://127.0.0.1:9"], folder), (4, ["check", "main:app"], tmp_path),
    )  # fmt: skip
    for code, args, where in lines:
        assert here(*args, cwd=where).returncode == code, args


def test_serve_says_where_as_json(tmp_path: Path) -> None:
    write_app(tmp_path, APP.replace("App([Counter])", "App([Counter])"))
    with Running("serve", "--port", "0", "--json", cwd=tmp_path) as serving:
        found = json.loads(serving.heard(r'\{"serving.*\}')[0])
        assert found["app"] == "main:app" and found["serving"].startswith("http://127.0.0.1:")


def test_purge_drops_what_died_or_what_waits(folder: Path, url: str) -> None:
    def run(*args: str, **more: Any) -> Any:
        return here(*args, "--url", url, cwd=folder, **more)

    for id in ("x", "y"):
        run("tell", "counter", "p", "add", "99", "--key", id)
    run("call", "counter", "p", "add")
    assert "--yes" in run("purge", "counter", "p").stderr
    end, letters = time.monotonic() + WAIT, list[Any]()
    while len(letters) < 2 and time.monotonic() < end:  # each dies in a tick of its own
        letters = [json.loads(line) for line in run("letters", "counter", "p", "--json").stdout.splitlines()]
    assert len(letters) == 2
    one = run("purge", "counter", "p", "--id", letters[0]["id"], "--yes", "--json")
    assert json.loads(one.stdout) == {"purged": 1}
    assert "1 dropped" in run("purge", "counter", "p", "--yes").stderr
    assert run("letters", "counter", "p", "--json").stdout == ""
    run("tell", "counter", "p", "add", "1", "--delay", "3600")
    assert json.loads(run("purge", "counter", "p", "--waiting", "--yes", "--json").stdout) == {"purged": 1}


def offered(*words: str, **known: list[str]) -> list[str]:
    return candidates(parser(), words, lambda what, given: known.get(what, []))


def test_completion_knows_where_a_word_stands() -> None:
    assert {"call", "cancel", "check"} <= set(offered("c")) and "--version" in offered("-")
    assert offered("new", "") == ["chat", "counter"] and offered("new", "co") == ["counter"]
    kinds = ["counter", "chat"]
    assert offered("call", "", kind=kinds) == kinds and offered("call", "co", kind=kinds) == ["counter"]
    assert offered("call", "--key", "k", "counter", "", agent=["a", "b"]) == ["a", "b"]
    assert offered("call", "counter", "--json", "a", "", action=["add"]) == ["add"]
    assert offered("start", "counter", "a", "", job=["work"]) == ["work"]
    assert "--timeout" in offered("call", "--t") and offered("tell", "--lane", "") == ["standard", "urgent"]
    assert offered("serve", "--log-level", "w") == ["warning"]
    assert offered("nonsense", "") == [] == offered("limits", "x", "")


def test_completion_asks_the_server(folder: Path, url: str) -> None:
    def words(*given: str) -> list[str]:
        return here("_words", "--", *given, cwd=folder, ROOST_URL=url).stdout.splitlines()

    here("call", "counter", "here", "add", cwd=folder, ROOST_URL=url)
    assert words("call", "") == ["counter"]
    assert "here" in words("call", "counter", "he")
    assert words("call", "counter", "here", "a") == ["add"] and words("start", "counter", "here", "") == ["work"]
    assert here("_words", "--", "call", "", cwd=folder, ROOST_URL="http://127.0.0.1:9").stdout == ""


def test_bash_completes(folder: Path) -> None:
    """In a real bash: what a user sees who presses the key."""
    shim = folder / "bin"
    shim.mkdir(exist_ok=True)
    (shim / "roost").write_text("#!/bin/sh\nexec " + " ".join(command()) + ' "$@"\n')
    (shim / "roost").chmod(0o755)
    script = 'source <(roost completion bash); COMP_WORDS=(roost new cha); COMP_CWORD=2; _roost; echo "${COMPREPLY[@]}"'
    env = environment()
    env["PATH"] = f"{shim}:{env['PATH']}"
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "chat", done.stderr
    assert set(SCRIPTS) == {"bash", "zsh", "fish"}


def test_a_complaint_is_said_once(folder: Path) -> None:
    done = roost("call", "counter", "a", "add", "--url", "http://127.0.0.1:9", cwd=folder)
    assert done.stderr.count("no server answers") == 1
