"""The Workers under test: staged into folders of their own, run in the real workerd, watched through /proc."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from roost.hosting.platform import quiet
from roost_cloudflare.harness import packages
from roost_cloudflare.host import Workerd
from roost_cloudflare.npm import binary, node_modules
from roost_cloudflare.stage import Stage, stage
from roost_cloudflare.wrangler import DATE

from .figure import BenchFailed
from .server import cpu_of

OBJECTS = Path(__file__).parent / "objects"
JAVASCRIPT = f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "disk", disk = (path = "disk", writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main.mjs", esModule = embed "main.mjs")],
  compatibilityDate = "{DATE}",
  durableObjectNamespaces = [(className = "Counter", uniqueKey = "counter", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "COUNTER", durableObjectNamespace = "Counter")],
);
"""


class Worker:
    """One workerd that serves. Use `serving`."""

    def __init__(self, workerd: Workerd) -> None:
        self._workerd = workerd
        self.port = int(workerd.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        return self._workerd.log

    def cpu(self) -> float:
        """Seconds of CPU time it has used, all threads."""
        return cpu_of(self._workerd.pid)

    async def get(self, path: str) -> Any:
        """The JSON at a path."""
        async with httpx.AsyncClient(timeout=60) as client:
            return (await client.get(f"{self._workerd.url}{path}")).raise_for_status().json()


@asynccontextmanager
async def serving(name: str, folder: Path, *, counting: bool = False) -> AsyncGenerator[Worker]:
    """A Worker until the end of the block: `roost`, or the hand-written `python` and `javascript`; `python-object` is
    the hand-written Python object behind a Worker in JavaScript."""
    folder = folder / (f"{name}-counting" if counting else name)
    workerd = Workerd(_stage(name, folder, counting), folder)
    try:
        await workerd.start()
        yield Worker(workerd)
    except RuntimeError as error:
        raise BenchFailed(str(error)) from error
    except BenchFailed as error:
        raise BenchFailed(f"{error}\n{workerd.log}") from error
    finally:
        await workerd.stop()


def _stage(name: str, folder: Path, counting: bool) -> Path:
    """Write the Worker; the binary to run."""
    if name == "javascript":
        (folder / "disk").mkdir(parents=True)
        shutil.copy(OBJECTS / "javascript.mjs", folder / "main.mjs")
        (folder / "config.capnp").write_text(JAVASCRIPT)
        return binary(node_modules(quiet))
    if name.startswith("python"):
        what = Stage((OBJECTS / "python.py").read_text(), [])
    else:
        folder.mkdir(parents=True)
        app = folder / "bench_app.py"
        shutil.copy(Path(__file__).parent / "app.py", app)
        what = Stage((OBJECTS / "roost_entry.py").read_text(), [*packages(), app])
    program = stage(what, folder)
    if name == "python-object":
        shutil.copy(OBJECTS / "router.mjs", folder)
        config = folder / "config.capnp"
        first = '(name = "main.mjs"'
        router = f'(name = "router.mjs", esModule = embed "router.mjs"),\n    {first}'
        config.write_text(config.read_text().replace(first, router, 1))
    if counting:
        with (folder / "prelude.mjs").open("a") as prelude:
            prelude.write((OBJECTS / "crossings.mjs").read_text())
    return program


def pretty(doc: dict[str, float]) -> str:
    """Counts, the largest first."""
    return json.dumps(dict(sorted(doc.items(), key=lambda pair: -pair[1])))
