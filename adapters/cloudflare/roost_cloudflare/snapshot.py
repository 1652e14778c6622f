"""Pyodide in workerd: the files that load it, and the memory of an interpreter that has started once.

Starting CPython takes most of a boot; a copy of its memory takes a tenth of that. The snapshot holds the standard
library that every Worker imports. What is random in it (the generator of the module `random`, no more) main.mjs
seeds anew in each process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, Final

from roost.contract.errors import RoostError
from roost.hosting.platform import Say

from .cache import kept
from .npm import GLUE, binary, node_modules
from .wrangler import DATE, FLAGS

PYODIDE: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
LOADERS: Final = ("load.mjs", "prelude.mjs")
IMPORTED: Final = """
import ast, asyncio, base64, collections.abc, contextlib, contextvars, copy, dataclasses, datetime, decimal, enum
import fractions, functools, heapq, importlib.metadata, importlib.resources, inspect, io, ipaddress, itertools, json
import logging, math, operator, pathlib, pickle, re, signal, string, struct, textwrap, traceback, types, typing
import email.message, email.parser, email.policy, http.client, http.cookies, mimetypes, unicodedata, urllib.parse
import uuid, warnings, weakref, zipfile, zoneinfo
assert uuid._node is None
"""


def snapshot(say: Say) -> Path:
    """The file; made in workerd the first time."""
    node = node_modules(say)
    source = [IMPORTED, DATE, str(settings(node)), *((GLUE / n).read_text() for n in (*LOADERS, "snapshot.mjs"))]

    def make(folder: Path) -> None:
        say("starting Python in workerd once, to keep its memory")
        with tempfile.TemporaryDirectory(prefix="roost-snapshot-") as temporary:
            work = Path(temporary)
            (folder / "snapshot.bin").write_bytes(asked("snapshot.mjs", IMPORTED.encode(), work, say))

    return kept("snapshot", "".join(source).encode(), make) / "snapshot.bin"


def write_interpreter(node: Path, folder: Path) -> None:
    """Pyodide's files and what loads them, into a folder that workerd is to run."""
    for name in PYODIDE:
        link(node / "pyodide" / name, folder / name)
    for name in LOADERS:
        shutil.copy(GLUE / name, folder)
    (folder / "settings.json").write_text(json.dumps(settings(node)))


def interpreter() -> str:
    """The modules of `write_interpreter`, for a configuration."""
    names = [(n, "esModule") for n in (*LOADERS, *PYODIDE[:2])]
    names += [(PYODIDE[2], "wasm"), (PYODIDE[3], "data"), ("settings.json", "json")]
    return "".join(f'(name = "{n}", {how} = embed "{n}"),\n    ' for n, how in names)


def options() -> str:
    """The date and the flags of a Worker. Node compatibility, on by default, makes Pyodide think that it is in Node."""
    flags = ", ".join(map(json.dumps, ("no_nodejs_compat", *FLAGS)))
    return f'compatibilityDate = "{DATE}",\n  compatibilityFlags = [{flags}],'


def settings(modules: Path) -> dict[str, Any]:
    """What the loader must know of this Pyodide."""
    version = json.loads((modules / "pyodide/package.json").read_text())["version"]
    info = json.loads((modules / "pyodide/pyodide-lock.json").read_text())["info"]
    return {
        "lock": {"info": {**info, "version": version}, "packages": {}},
        "env": {},
        "entry": "entry",
        "rpc": ["roost"],
    }


def link(source: Path, target: Path) -> None:
    """A large file that is only read: a link where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


CONFIG: Final = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "{main}", esModule = embed "{main}"),
    {modules}
  ],
  {options}
  durableObjectNamespaces = [(className = "Boot", uniqueKey = "boot")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "BOOT", durableObjectNamespace = "Boot")],
);
"""


def asked(main: str, body: bytes, folder: Path, say: Say) -> bytes:
    """What a Worker of workerd/ answers to `body`, run in an empty folder. RoostError with workerd's log."""
    node = node_modules(say)
    write_interpreter(node, folder)
    shutil.copy(GLUE / main, folder)
    (folder / "config.capnp").write_text(CONFIG.format(main=main, modules=interpreter(), options=options()))
    reading, writing = os.pipe()
    command = [str(binary(node)), "serve", "config.capnp", "--experimental", f"--control-fd={writing}"]
    with (
        os.fdopen(reading) as control,
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, cwd=folder, pass_fds=(writing,), stdout=log, stderr=log) as process,
    ):
        os.close(writing)
        try:
            port = json.loads(control.readline())["port"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", body, timeout=300) as answer:
                found: bytes = answer.read()
            return found
        except (OSError, ValueError) as error:
            log.seek(0)
            said = log.read().decode(errors="replace")
            raise RoostError(f"workerd can't start Python: {error}\n{said}", code="not-started") from error
        finally:
            process.kill()
