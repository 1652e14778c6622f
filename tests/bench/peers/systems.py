"""The systems under test, each with its fair form of the work."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from ..calls import INCREMENT, RPC
from ..load import handshake, request
from ..rest import SAY
from ..server import ROOT, roost, serving
from .install import PROGRAMS, Installed
from .process import answering, ask, free_port, process
from .system import Absent, Load, Schedules, Start, System, Up, Wake

WS = {"match": '"type":"rpc"', "refusal": '"success":false'}
HEAR = "round %s."
NO_SOCKETS = Absent("has no connections: a web server of your own beside it would hold them")
STATELESS = Absent("nothing to wake: state is read with every call")
FILES = "an object is a file of its own there, and making ten thousand takes minutes"
EVICTED = 15.0
"""Seconds after which an idle object has left workerd, which takes about 10."""


def post(path: str, body: str = "") -> Load:
    return Load(request("POST", path, body))


def at(path: str, ms: float) -> Load:
    return post(path, str(round(ms)))


# Restate, DBOS -------------------------------------------------------------------------------------------


@contextmanager
def restate_up(tools: Installed, folder: Path) -> Generator[Up]:
    ingress, admin, node, service = (free_port() for _ in range(4))
    hypercorn: list[str | Path] = [
        tools.python,
        "-m",
        "hypercorn",
        "--bind",
        f"127.0.0.1:{service}",
        "restate_counter:app",
    ]
    env = {
        "RESTATE_BIND_IP": "127.0.0.1", "RESTATE_LISTEN_MODE": "tcp", "RESTATE_ADVERTISED_HOST": "127.0.0.1",
        "RESTATE_BIND_PORT": str(node), "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}", "RESTATE_LOG_FILTER": "warn", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    with ExitStack() as stack:
        running = stack.enter_context(process(hypercorn, folder, "hypercorn", {"PYTHONPATH": str(PROGRAMS)}))
        answering(service, "/late", running)
        told: list[str | Path] = [tools.restate, "--no-logo", "--base-dir", folder / "restate", "--node-name", "one"]
        running = stack.enter_context(process(told, folder, "restate-server", env))
        answering(admin, "/health", running)
        answering(ingress, "/restate/health", running)
        ask(admin, "/deployments", "POST", json.dumps({"uri": f"http://127.0.0.1:{service}"}))
        yield Up(ingress, service)


def restate(tools: Installed) -> System:
    return System(
        "restate",
        partial(restate_up, tools), post("/counter/k%d/increment", "1"), NO_SOCKETS, NO_SOCKETS, STATELESS,
        post("/counter/k%d/ask", "1"), Schedules(partial(at, "/counter/t%d/arm"), ("GET", "/late"), each=100),
    )  # fmt: skip


@contextmanager
def dbos_up(tools: Installed, folder: Path) -> Generator[Up]:
    port = free_port()
    program = PROGRAMS / "dbos_counter.py"
    with process([tools.python, program, folder / "postgres", str(port)], folder, "dbos") as running:
        answering(port, "/late", running)
        yield Up(port)


def dbos(tools: Installed) -> System:
    few = "it arms some 50 a second"
    return System(
        "dbos",
        partial(dbos_up, tools), post("/increment/k%d"), NO_SOCKETS, NO_SOCKETS, STATELESS,
        post("/ask/k%d"), Schedules(partial(at, "/arm/t%d"), ("GET", "/late"), 500, few),
    )  # fmt: skip


# workerd without Roost -----------------------------------------------------------------------------------

CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "disk", disk = (path = "disk", writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "main.mjs", esModule = embed "main.mjs")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [(className = "Counter", uniqueKey = "counter", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "Counter", durableObjectNamespace = "Counter")],
);
"""


@contextmanager
def javascript_up(tools: Installed, module: Path, folder: Path) -> Generator[Up]:
    port = free_port()
    (folder / "disk").mkdir()
    (folder / "main.mjs").write_bytes(module.read_bytes())
    (folder / "config.capnp").write_text(CONFIG.format(port=port))
    command: list[str | Path] = [tools.workerd, "serve", "config.capnp", "--experimental"]
    with process(command, folder, "workerd") as running:
        answering(port, "/late", running)
        yield Up(port)


@contextmanager
def python_up(entry: str, packages: Sequence[Path], ready: str, folder: Path) -> Generator[Up]:
    """Python in workerd, by the host that the Cloudflare adapter has for this machine."""
    from roost_cloudflare.stage import Stage, stage

    port = free_port()
    binary = stage(Stage(entry, packages), folder)
    command: list[str | Path] = [binary, "serve", "config.capnp", "--experimental", f"-shttp=127.0.0.1:{port}"]
    with process(command, folder, "workerd") as running:
        answering(port, ready, running)
        yield Up(port)


def javascript(tools: Installed) -> System:
    room = Load(handshake("/room/all"), HEAR, HEAR)
    return System(
        "javascript",
        partial(javascript_up, tools, PROGRAMS / "durable_object.mjs"), post("/increment/k%d", "1"),
        Absent("by hand there is no protocol of calls to compare"), room, Wake(EVICTED, "/made"), post("/ask/k%d"),
        Schedules(partial(at, "/arm/t%d"), ("GET", "/late"), 1_000, FILES),
    )  # fmt: skip


def python(_: Installed) -> System:
    room = Load(handshake("/room/all"), HEAR, HEAR)
    entry = (PROGRAMS / "durable_object.py").read_text()
    return System(
        "python", partial(python_up, entry, (), "/healthz"),
        post("/increment/k%d", "1"), Absent("by hand there is no protocol of calls to compare"), room,
        Wake(EVICTED, "/made"), post("/ask/k%d"), Schedules(partial(at, "/arm/t%d"), ("GET", "/late"), 1_000, FILES),
    )  # fmt: skip


def agents(tools: Installed) -> System:
    path = "/agents/counter/k%d"
    arm = partial(at, "/agents/counter/t%d/arm")
    return System(
        "agents", partial(javascript_up, tools, tools.agents),
        post(f"{path}/increment", "1"), Load(handshake(path), RPC, **WS),
        Load(handshake("/agents/counter/room"), SAY, HEAR), Wake(EVICTED, "/made"), post(f"{path}/ask"),
        Schedules(arm, ("GET", "/late"), each=10),
    )  # fmt: skip


# Roost ---------------------------------------------------------------------------------------------------


@contextmanager
def local_up(folder: Path) -> Generator[Up]:
    with serving(roost(folder / "agents.db", idle_after=2.0)) as server:
        yield Up(server.port)


def arm_roost(ms: float) -> Load:
    return post("/v1/agents/counter/t%d/call/arm", json.dumps({"args": [ms]}))


LATE_ROOST = ("POST", "/v1/agents/counter/told/call/late")


def of_roost(name: str, start: Start, wake: Wake | Absent, schedules: Schedules) -> System:
    path = "/agents/counter/k%d"
    return System(
        name, start, post(f"/v1{path}/call/increment", INCREMENT),
        Load(handshake(path), RPC, **WS), Load(handshake("/agents/counter/room"), SAY, HEAR), wake,
        post(f"/v1{path}/call/ask", '{"args":[]}'),
        schedules,
    )  # fmt: skip


ENTRY = """
from app import app
from roost_cloudflare.worker import serve
Default, RoostAgent, RoostRegistry = serve(app)
"""


def local(_: Installed) -> System:
    return of_roost("local", local_up, Wake(5.0), Schedules(arm_roost, LATE_ROOST))


def workerd(_: Installed) -> System:
    from roost_cloudflare.harness import packages

    start = partial(python_up, ENTRY, (*packages(), ROOT / "tests/bench/app.py"), "/healthz")
    return of_roost("workerd", start, Wake(EVICTED), Schedules(arm_roost, LATE_ROOST, 1_000, FILES))


@contextmanager
def lambda_up(folder: Path) -> Generator[Up]:
    """The bundle in the emulator, as `roost dev --on aws-emulator` runs it."""
    port = free_port()
    shutil.copy(ROOT / "tests/bench/app.py", folder)
    command = [sys.executable, "-m", "roost_cli", "dev", "app:app", "--on", "aws-emulator", "--port", str(port)]
    with process(command, folder, "aws-emulator") as running:
        answering(port, "/healthz", running)
        yield Up(port)


def aws(_: Installed) -> System:
    path = "/v1/agents/counter/k%d/call"
    emulated = "not measured: it would be the emulator's"
    return System(
        "lambda", lambda_up, post(f"{path}/increment", INCREMENT),
        Load(handshake("/prod?agent=counter&name=k%d"), RPC, **WS),
        Absent(f"{emulated} 1,000 HTTP requests, one a socket"),
        Absent("nothing to wake: an agent is read with every call; a function's own cold start is the platform's"),
        post(f"{path}/ask", '{"args":[]}'),
        Absent(f"{emulated} EventBridge Scheduler, which is 8 s late; the real one promises a minute"), longer=5.0,
        sockets=4, crowd=f"{emulated} waiting line: it starts a process for every call under way",
    )  # fmt: skip


SYSTEMS: dict[str, Callable[[Installed], System]] = {
    "restate": restate, "dbos": dbos, "javascript": javascript, "python": python, "agents": agents, "local": local,
    "workerd": workerd, "lambda": aws,
}  # fmt: skip
