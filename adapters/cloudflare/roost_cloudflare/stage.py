"""Stages a Worker for workerd on this machine: Pyodide, the wheels, the Python of the app, and the glue.

Everything comes from npm and PyPI by their ordinary clients; what was fetched is kept (cache.py), so a second
run is offline. Nothing here runs inside workerd.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from roost.hosting.platform import Say, quiet

from .archive import compiled, files, packed
from .npm import GLUE, binary, node_modules
from .snapshot import interpreter, link, options, snapshot, write_interpreter
from .wheels import modules

ARCHIVES: Final = ("mine.zip", "ours.zip", "theirs.zip")


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


def stage(what: Stage, folder: Path, say: Say = quiet) -> Path:
    """Write all that workerd needs into `folder`; the binary to run. `say` hears of what must be fetched."""
    node = node_modules(say)
    folder.mkdir(parents=True, exist_ok=True)
    write_interpreter(node, folder)
    link(snapshot(say), folder / "snapshot.bin")
    shutil.copy(GLUE / "main.mjs", folder)
    natives = _archives(what, what.modules or modules((), say), folder, say)
    (folder / "natives.mjs").write_text(_natives(natives))
    (folder / "disk").mkdir(exist_ok=True)
    (folder / "config.capnp").write_text(_config(what, len(natives)))
    return binary(node)


def _archives(what: Stage, dependencies: Path, folder: Path, say: Say) -> list[str]:
    """All Python as three archives: the dependencies, Roost (both with byte code), and what changes.

    The paths of the native extensions, each beside them as nN.wasm: their packages lie in files.
    """
    natives = [path.relative_to(dependencies) for path in sorted(dependencies.rglob("*.so"))]
    for n, path in enumerate(natives):
        shutil.copyfile(dependencies / path, folder / f"n{n}.wasm")
    loose, theirs = _dependencies(dependencies)
    mine = [("entry.py", what.entry.encode()), *loose]
    ours: list[tuple[str, bytes]] = []
    for name, path in files((root, root.parent) for root in what.packages):
        (ours if name.startswith("roost") else mine).append((name, path.read_bytes()))
    link(compiled(packed(theirs), say), folder / "theirs.zip")
    link(compiled(packed(ours), say), folder / "ours.zip")
    (folder / "mine.zip").write_bytes(packed(mine))
    return [path.as_posix() for path in natives]


def _dependencies(folder: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """(name, content) of the packages with native extensions, and of the others."""
    native = {path.relative_to(folder).parts[0] for path in folder.rglob("*.so")}
    loose: list[tuple[str, bytes]] = []
    pure: list[tuple[str, bytes]] = []
    for name, path in files([(folder, folder)]):
        data = b"" if path.suffix == ".so" else path.read_bytes()
        (loose if name.partition("/")[0] in native else pure).append((name, data))
    return loose, pure


def _natives(paths: Sequence[str]) -> str:
    lines = [f'import n{i} from "./n{i}.wasm";' for i in range(len(paths))]
    pairs = ", ".join(f"[{json.dumps(path)}, n{i}]" for i, path in enumerate(paths))
    return "\n".join([*lines, f"export default [{pairs}];", ""])


def _config(what: Stage, natives: int) -> str:
    """workerd's configuration: one Worker, two classes of objects on disk, one socket on loopback."""
    modules = [
        *(f'(name = "{n}", esModule = embed "{n}")' for n in ("main.mjs", "natives.mjs")),
        *(f'(name = "n{i}.wasm", wasm = embed "n{i}.wasm")' for i in range(natives)),
        *(f'(name = "{n}", data = embed "{n}")' for n in (*ARCHIVES, "snapshot.bin")),
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
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    {_lines(modules)}
    {interpreter()}
  ],
  {options()}
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


def main() -> None:
    """Fetch now what the first run would fetch: `python -m roost_cloudflare.stage`."""

    def say(line: str) -> None:
        sys.stderr.write(f"setup: {line}\n")

    snapshot(say)
    compiled(packed(_dependencies(modules((), say))[1]), say)


if __name__ == "__main__":
    main()
