"""Which app a command means, and what it says when there is none, or a broken one."""

from pathlib import Path

import pytest

from .program import APP, here, roost, write_app


def test_no_app_is_named(tmp_path: Path) -> None:
    done = roost("serve", cwd=tmp_path)
    assert done.returncode == 2
    assert "no app is named" in done.stderr and "[tool.roost]" in done.stderr


@pytest.mark.parametrize("name", ["main", ":app", "main:", "a-b:app", "main:app()"])
def test_a_name_that_names_no_app(tmp_path: Path, name: str) -> None:
    done = here("check", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "module:attribute, for example main:app" in done.stderr


@pytest.mark.parametrize("name", ["main.py", "./main.py", "main.py:app", "main:app"])
def test_a_file_is_a_name(tmp_path: Path, name: str) -> None:
    write_app(tmp_path)
    done = here("check", name, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "main:app")


def test_a_file_in_a_folder_is_a_name(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "main.py").rename(tmp_path / "parts" / "piece.py")
    assert here("check", "parts/piece.py", cwd=tmp_path).stdout.startswith("parts.piece:app\n")
    assert here("check", str(tmp_path / "parts" / "piece.py"), cwd=tmp_path).returncode == 0
    assert here("check", "piece.py", cwd=tmp_path / "parts").stdout.startswith("piece:app\n")


def test_a_file_that_is_no_name(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "my-app.py").write_text(APP)
    for name, says in (("mian.py", "there is no file mian.py"), ("my-app.py", "can't be imported by a name")):
        done = here("check", name, cwd=tmp_path)
        assert done.returncode == 2 and says in done.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["main"], "for example main:app"),
        (["main:"], "for example main:app"),
        (["mian.py"], "there is no file"),
        (["--config", "counter"], "KIND.FIELD=VALUE"),
        (["--config", "counter.step=2"], "no config field 'step'"),
        (["--config", "nobody.step=2"], "no kind 'nobody'"),
    ],
)
def test_dev_ends_when_it_is_used_wrongly(tmp_path: Path, args: list[str], says: str) -> None:
    write_app(tmp_path)
    done = roost("dev", *args, "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr and "starting it again" not in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("roost: ") == 1, "once"


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        (APP, "mian:app", "there is no module 'mian'"),
        (APP, "main.sub:app", "there is no module 'main.sub'"),
        (APP, "main:ap", "module 'main' has no 'ap'; it has the app 'app'"),
        ("x = 1\n", "main:app", "make one: app = App([YourAgent])"),
        (APP, "main:Counter", "main:Counter is the class Counter, not an App"),
        ("app = 3\n", "main:app", "main:app is of type int, not an App"),
    ],
)
def test_a_wrong_part(tmp_path: Path, source: str, name: str, says: str) -> None:
    write_app(tmp_path, source)
    done = here("check", name, cwd=tmp_path)
    assert done.returncode == 4
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("import roost\n\nx = 1 / 0\n", "main.py:3", "ZeroDivisionError: division by zero"),
        ("import roost\nimport nowhere_to_be_found\n", "main.py:2", "No module named 'nowhere_to_be_found'"),
        ("x = (1,\ny = 2\n", "main.py:1", "SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)\n", "main.py:1", "SystemExit: 3"),
        (
            "from roost import Agent\n\nclass A(Agent):\n    def __init__(self) -> None:\n        pass\n",
            "main.py:3",
            "A.__init__: an agent is rebuilt at every wake",
        ),
    ],
)
def test_the_authors_error_shows_the_authors_frame(tmp_path: Path, source: str, line: str, says: str) -> None:
    write_app(tmp_path, source)
    done = here("check", cwd=tmp_path)
    assert done.returncode == 4
    assert line in done.stderr and says in done.stderr
    assert "> " in done.stderr, "the line that failed is marked"
    assert "roost_cli" not in done.stderr and "importlib" not in done.stderr and "kind.py" not in done.stderr


def test_frames_of_several_files(tmp_path: Path) -> None:
    write_app(tmp_path, "from parts import build\napp = build()\n")
    (tmp_path / "parts.py").write_text("def build():\n    return missing\n")
    done = here("check", cwd=tmp_path)
    assert "main.py:2 in <module>" in done.stderr and "parts.py:2 in build" in done.stderr
    assert "NameError: name 'missing' is not defined" in done.stderr


def test_pyproject_is_searched_upward(tmp_path: Path) -> None:
    write_app(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    done = here("check", cwd=below)
    assert done.returncode == 0, done.stderr
    assert "counter" in done.stdout and "increment" in done.stdout


def test_the_folder_we_are_in_comes_first(tmp_path: Path) -> None:
    write_app(tmp_path, "raise RuntimeError('the wrong one')\n")
    below = tmp_path / "below"
    below.mkdir()
    (below / "main.py").write_text(APP)
    assert here("check", "main:app", cwd=below).returncode == 0


def test_a_broken_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.roost\n")
    done = here("check", cwd=tmp_path)
    assert done.returncode == 4
    assert "pyproject.toml can't be read" in done.stderr
