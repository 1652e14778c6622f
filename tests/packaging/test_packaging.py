"""What a user gets: the sdist builds the wheel, the wheel in a clean environment runs `roost dev`."""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import IO

import pytest

from roost.hosting.packages import PACKAGES

ROOT = Path(__file__).parents[2]
PURE = {"roost", "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
LOADED = "import json, sys, roost; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"


def run(*command: str | Path, cwd: Path) -> str:
    """Output of a command outside the checkout's reach; its error text if it fails."""
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def python(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment that has the wheel and what it depends on, no more."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv)
    python = venv / "bin" / "python"
    (wheel,) = dist.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=venv)
    return python


def test_wheel_holds_the_packages_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


def test_sdist_holds_no_build_products(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        bad = [name for name in tar.getnames() if re.search(r"node_modules|__pycache__|\.venv|\.db", name)]
    assert not bad


def test_core_alone_loads_only_its_own(python: Path, tmp_path: Path) -> None:
    before = set(json.loads(run(python, "-I", "-c", LOADED.replace(", roost", ""), cwd=tmp_path)))
    loaded = set(json.loads(run(python, "-I", "-c", LOADED, cwd=tmp_path)))
    foreign = {name for name in loaded - before - sys.stdlib_module_names if not name.startswith("_sysconfigdata")}
    assert foreign <= PURE


def test_every_package_imports(python: Path, tmp_path: Path) -> None:
    run(python, "-I", "-W", "error", "-c", f"import {', '.join(PACKAGES)}", cwd=tmp_path)


def test_a_new_project_answers(python: Path, tmp_path: Path) -> None:
    roost = python.parent / "roost"
    assert "pip install 'roost[models]'" in run(roost, "new", "chat", "thinks", cwd=tmp_path)
    run(roost, "new", "counter", "hello", cwd=tmp_path)
    server = subprocess.Popen(
        [roost, "dev", "--port", "0"],
        cwd=tmp_path / "hello",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout
        url = address(server.stdout)
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            assert answer.status == 200
    finally:
        server.terminate()
        rest, _ = server.communicate(timeout=20)
    assert "Traceback" not in rest, rest


def test_a_new_project_is_bundled_for_cloudflare(python: Path, tmp_path: Path) -> None:
    """With what the wheel holds: the pins, and Roost's own source."""
    roost = python.parent / "roost"
    run(roost, "new", "counter", "hello", cwd=tmp_path)
    said = run(roost, "bundle", "cloudflare", cwd=tmp_path / "hello")
    assert "KiB compressed of 10 MiB" in said
    staged = tmp_path / "hello" / "dist" / "cloudflare"
    assert {"main.py", "roost", "roost_cloudflare"} <= {path.name for path in (staged / "src").iterdir()}
    command = "from roost_cloudflare.npm import GLUE; print(*sorted(p.name for p in GLUE.iterdir()))"
    held = run(python, "-I", "-c", command, cwd=tmp_path).split()
    ours = {path.name for path in (ROOT / "adapters/cloudflare/roost_cloudflare/workerd").iterdir()}
    assert ours == set(held)


def address(lines: IO[str], seconds: float = 30) -> str:
    """The URL that the server prints when it listens."""
    seen, end = "", time.monotonic() + seconds
    while time.monotonic() < end and (line := lines.readline()):
        seen += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"no URL in the output of `roost dev`:\n{seen}")
