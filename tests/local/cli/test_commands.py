"""The commands that talk to a server: what they print, for people and programs, and how they end."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .program import ROOT, Running, command, environment, here, roost, write_app


class Shell:
    """Commands in one folder against one server."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def __call__(self, *args: str, stdin: str = "", code: int = 0, **env: str) -> str:
        done = here(*args, cwd=self.folder, stdin=stdin, ROOST_URL=self.url, **env)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("project")
    write_app(folder, (Path(__file__).parents[3] / "examples" / "main.py").read_text())
    with Running("dev", "--port", "0", cwd=folder) as dev:
        yield Shell(folder, dev.url)


def test_call_prints_the_result(shell: Shell) -> None:
    assert shell("call", "counter", "c1", "increment") == "1\n"
    assert shell("call", "counter", "c1", "increment", "5") == "6\n"
    assert shell("call", "counter", "c1", "increment", "by=-2") == "4\n"
    assert json.loads(shell("call", "counter", "c1", "increment", "--json")) == {"result": 5}


def test_arguments_are_json_or_words(shell: Shell) -> None:
    shell("call", "audit", "w", "note", "bare")
    shell("call", "audit", "w", "note", "two words")
    shell("call", "audit", "w", "note", '"5"')
    shell("call", "audit", "w", "note", "text=a=b")
    assert json.loads(shell("call", "audit", "w", "notes", "10")) == ["bare", "two words", "5", "a=b"]
    assert "stands after a named one" in shell("call", "audit", "w", "note", "text=a", "b", code=2)
    assert "given twice" in shell("call", "audit", "w", "note", "text=a", "text=b", code=2)


def test_an_action_decides_what_a_word_is(shell: Shell) -> None:
    for word in ("123", "x=5", "true", "null", "[1]", "1e3", "a=b=c"):
        shell("call", "audit", "s", "note", word)
    shell("call", "audit", "s", "note", "text=007")
    shell("tell", "audit", "s", "note", "text=5", "--key", "once")
    notes = json.loads(shell("call", "audit", "s", "notes", "9"))
    assert notes == ["123", "x=5", "true", "null", "[1]", "1e3", "a=b=c", "007", "5"]
    assert "line 1" in shell("call", "chat", "words", "say", "x=5"), "no argument of `say` is called x"
    assert "bad-arguments" in shell("call", "counter", "s", "increment", "by=[1]", code=1)


def test_an_answer_is_not_lost_to_an_encoding(shell: Shell) -> None:
    said = subprocess.run(
        command("call", "board", "ä", "put", "a1", "grün €", "--url", shell.url), cwd=shell.folder,
        env=environment(PYTHONIOENCODING="ascii"), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout, said.stderr) == (0, "1\n", "")
    text = "grün €\u202e\x1b[2J"
    for args, means in ((("notes",), [text]), (("notes", "--json"), {"result": [text]})):
        shell("call", "audit", "ä", "note", text, "--key", "one")
        said = subprocess.run(
            command("call", "audit", "ä", *args, "--url", shell.url), cwd=shell.folder,
            env=environment(PYTHONIOENCODING="ascii"), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert said.returncode == 0 and json.loads(said.stdout) == means and said.stdout.isascii()
        assert "\x1b" not in said.stdout


def test_nothing_of_a_key_reaches_the_terminal_raw(shell: Shell) -> None:
    key = "evil\n12:00:00 ERROR roost: forged\x1b[2J\x9b\u202e"
    assert shell("call", "counter", key, "increment") == "1\n"
    shell("call", "audit", key, "note", "hi\x1b[2J")
    said = "".join(
        (
            shell("agents", "--kind", "counter"),
            shell("agents", "--json"),
            shell("status", "counter", key),
            shell("tail", "audit", key, "--no-follow"),
            shell("call", "counter", key, "nope\x1b[2J\nroost: forged", code=1),
            shell("call", "nope\x1b", key, "x", code=1),
            shell("hibernate", "counter", key),
        )
    )
    assert "evil\\n12:00:00 ERROR roost: forged\\x1b[2J\\x9b\\u202e" in said
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", said)
    assert "\nroost: forged" not in said and "\n12:00:00" not in said


def test_state_and_letters(shell: Shell) -> None:
    shell("call", "counter", "st", "increment", "4")
    assert json.loads(shell("state", "counter", "st")) == {"count": 4}
    doc = json.loads(shell("state", "counter", "st", "--json"))
    assert doc["state"] == {"count": 4} and doc["version"] >= 1
    assert shell("letters", "counter", "st", "--json") == ""
    assert "nobody" in shell("state", "counter", "nobody", code=1)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / ".roost").write_text("a file where the folder goes")
    for args in (("dev", "--port", "0"), ("serve", "--port", "0")):
        done = roost(*args, cwd=tmp_path)
        assert done.returncode == 1 and "Traceback" not in done.stderr and ".roost" in done.stderr, done.stderr


def test_an_error_is_said_once(shell: Shell) -> None:
    for args in (("increment", "by=x"), ("increment", "1", "2"), ("nope",)):
        said = shell("call", "counter", "e", *args, code=1)
        assert said.count("roost: ") == 1 and len(said.splitlines()) == 1, said


def test_an_idempotency_key_runs_once(shell: Shell) -> None:
    assert shell("call", "counter", "k", "increment", "--key", "x") == "1\n"
    assert shell("call", "counter", "k", "increment", "--key", "x") == "1\n"


def test_a_stream_is_printed_as_it_comes(shell: Shell) -> None:
    assert shell("call", "chat", "s", "say", "hi there").startswith("You said 'hi there', and that was line 1")
    lines = [json.loads(line) for line in shell("call", "chat", "s", "say", "hi", "--json").splitlines()]
    assert lines[0] == {"chunk": "You "} and "result" in lines[-1]


def test_a_refusal_is_printed_and_exits_1(shell: Shell) -> None:
    said = shell("call", "chat", "r", "say", " ", code=1)
    assert said == "roost: say something (nothing-said)\n"
    assert "bad-arguments" in shell("call", "counter", "r", "increment", "by=x", code=1)
    assert "unknown-action" in shell("call", "counter", "r", "nope", code=1)
    assert "unknown-kind" in shell("call", "nope", "r", "nope", code=1)


def test_tell_then_tail(shell: Shell) -> None:
    id = shell("tell", "audit", "t", "note", "first").strip()
    assert len(id) > 8
    assert json.loads(shell("tell", "audit", "t", "note", "later", "--delay", "3600", "--json"))["id"]
    shell("call", "audit", "t", "note", "second")
    lines = shell("tail", "audit", "t", "--no-follow").splitlines()
    assert any("note" in line and '"second"' in line for line in lines)
    rows = [json.loads(line) for line in shell("tail", "audit", "t", "--no-follow", "--json").splitlines()]
    assert {row["data"]["text"] for row in rows} == {"first", "second"}
    assert [row["seq"] for row in rows] == [1, 2]
    assert shell("tail", "audit", "t", "--no-follow", "--after", "2") == ""


def test_tail_follows(shell: Shell) -> None:
    shell("call", "audit", "f", "note", "one")
    with Running("tail", "audit", "f", "--url", shell.url, cwd=shell.folder) as tail:
        tail.heard("one")
        shell("call", "audit", "f", "note", "two")
        tail.heard("two")


def test_agents_and_status(shell: Shell) -> None:
    for key in ("list-1", "list-2"):
        shell("call", "counter", key, "remind", "3600", "tea")
    table = shell("agents", "--kind", "counter", "--prefix", "list-").splitlines()
    assert table[0].split()[:3] == ["KIND", "KEY", "VERSION"]
    assert [line.split()[1] for line in table[1:]] == ["list-1", "list-2"]
    rows = [json.loads(line) for line in shell("agents", "--prefix", "list-", "--limit", "1", "--json").splitlines()]
    assert [row["key"] for row in rows] == ["list-1"]
    said = shell("status", "counter", "list-1")
    assert said.startswith("counter/list-1  awake  version 1") and "reminder" in said and "ring" in said
    assert json.loads(shell("status", "counter", "list-1", "--json"))["version"] == 1
    assert "no-agent" in shell("status", "counter", "nobody", code=1)


def test_an_operators_round_trip(shell: Shell, tmp_path: Path) -> None:
    shell("call", "counter", "op", "increment", "7")
    shell("hibernate", "counter", "op")
    file = tmp_path / "op.json"
    shell("export", "counter", "op", "--out", str(file))
    assert "--yes" in shell("destroy", "counter", "op", code=2)
    shell("call", "counter", "op", "increment", "1")
    assert "changed" in shell("destroy", "counter", "op", "--yes", "--exported", str(file), code=1)
    assert "no export of counter/other" in shell(
        "destroy", "counter", "other", "--yes", "--exported", str(file), code=2
    )
    shell("export", "counter", "op", "--out", str(file))
    shell("destroy", "counter", "op", "--yes", "--exported", str(file))
    assert "no-agent" in shell("status", "counter", "op", code=1)
    shell("import", "counter", "op", str(file))
    assert shell("call", "counter", "op", "increment", "0") == "8\n"
    assert json.loads(shell("redrive", "counter", "op", "--json")) == {"redriven": 0}
    document = shell("export", "counter", "op")
    shell("destroy", "counter", "op", "--yes")
    shell("import", "counter", "op", "-", stdin=document)
    assert "is no exported document" in shell("import", "counter", "op", "-", stdin="{", code=2)


def test_audit_tells_what_was_done(shell: Shell) -> None:
    shell("call", "counter", "told", "increment")
    shell("destroy", "counter", "told", "--yes")
    lines = [line.split() for line in shell("audit").splitlines() if "counter/told" in line]
    assert [(line[3], line[4], line[5], line[7:]) for line in lines] == [
        ("asked", "admin", "destroy", ["from", "127.0.0.1"]), ("done", "admin", "destroy", ["200", "from", "127.0.0.1"])
    ]  # fmt: skip
    last = json.loads(shell("audit", "--json").splitlines()[-1])
    assert last["kind"] == "done" and last["data"]["status"] == 200
    assert shell("audit", "--after", str(last["seq"])) == ""


def test_admin_needs_its_token(shell: Shell, tmp_path: Path) -> None:
    done = here("hibernate", "counter", "c1", "--url", shell.url, cwd=tmp_path)
    assert done.returncode == 2 and "ROOST_ADMIN_TOKEN" in done.stderr
    assert "another admin token" in shell("hibernate", "counter", "c1", code=1, ROOST_ADMIN_TOKEN="wrong")


def test_nobody_there_exits_3(tmp_path: Path) -> None:
    done = roost("call", "counter", "a", "increment", "--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 3
    assert "no server answers at http://127.0.0.1:9" in done.stderr and "roost dev" in done.stderr
    assert here("agents", "--url", "nonsense", cwd=tmp_path).returncode == 2


def test_limits(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in here("limits", "--json", cwd=tmp_path).stdout.splitlines()]
    by = {row["limit"]: row for row in rows}
    assert by["message_in"]["value"] == 32768 and by["message_in"]["source"]
    assert "32 KiB" in here("limits", cwd=tmp_path).stdout


@pytest.mark.parametrize("template", ["chat", "counter"])
def test_new_makes_a_project_whose_tests_pass(tmp_path: Path, template: str) -> None:
    done = here("new", template, "my-app", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "my-app"
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    own = {"page.py"} if template == "chat" else set[str]()
    assert names == {".gitignore", "README.md", "main.py", "pyproject.toml", "tests/test_app.py"} | own
    assert all("{{" not in (folder / name).read_text() for name in names)
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "roost.testing.plugin"]
    tests = subprocess.run(
        plain, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert tests.returncode == 0, tests.stdout
    assert here("check", cwd=folder).returncode == 0
    assert {".roost/", "dist/", ".env"} <= set((folder / ".gitignore").read_text().split())
    assert "pip install pytest" in (folder / "README.md").read_text()


def test_new_lists_its_templates(tmp_path: Path) -> None:
    said = here("new", cwd=tmp_path)
    assert said.returncode == 0 and "chat" in said.stdout and "counter" in said.stdout
    assert "roost new chat NAME" in here("new", "chat", cwd=tmp_path).stderr
    assert {p.name for p in (ROOT / "core" / "roost_cli" / "templates").iterdir() if p.is_dir()} - {"__pycache__"} == {
        "chat", "common", "counter",
    }  # fmt: skip


def test_new_refuses(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert here("new", "chat", "full", cwd=tmp_path).returncode == 1
    for name in ("../up", "1st", "a b", "", "x" * 51):
        assert here("new", "chat", name, cwd=tmp_path).returncode == 2
    assert here("new", "poem", "x", cwd=tmp_path).returncode == 2
    (tmp_path / "empty").mkdir()
    assert here("new", "counter", "empty", cwd=tmp_path).returncode == 0
