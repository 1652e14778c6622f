"""The dependencies of a function, unpacked: for AWS's machines or for this one. pip's work, kept by what went in."""

from __future__ import annotations

import compileall
import hashlib
import importlib.util
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from roost.contract.errors import NotSupported, Rejected, RoostError, TransientError
from roost.hosting.platform import Say

from .emulator.environment import cache

Machine: TypeAlias = Literal["arm64", "x86_64", "here"]
PINS: Final = Path(__file__).parent / "requirements-bundle.txt"
WHEELS: Final[dict[str, str]] = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC: Final = ("2_34", "2_28", "2_17")
"""Amazon Linux 2023 has glibc 2.34; older wheels run there too."""
DROPPED: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def python_version() -> str:
    """The Python a bundle is for: this one, which Lambda has too."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def dependencies(requirements: Sequence[str], machine: Machine, say: Say) -> Path:
    """A folder with the pinned packages and those the author requires. NotSupported `no-wheel`: one has none for
    Lambda; Rejected: they contradict each other."""
    source = "\n".join([machine, python_version(), PINS.read_text(), *sorted(requirements)])
    folder = cache() / "wheels" / hashlib.sha256(source.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    say(f"fetching wheels for {'this machine' if machine == 'here' else f'Lambda on {machine}'}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        part = Path(temporary) / "wheels"
        _install(requirements, machine, part)
        try:
            part.rename(folder)
        except OSError:  # another process was there first
            if not folder.is_dir():
                raise
    return folder


def _install(requirements: Sequence[str], machine: Machine, folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise NotSupported("bundling needs pip in this environment: python -m ensurepip")
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--target", str(folder),
        "--no-compile", "--only-binary=:all:",
    ]  # fmt: skip
    if machine != "here":
        command += ["--implementation", "cp", "--python-version", python_version()]
        for version in GLIBC:
            command += ["--platform", f"manylinux_{version}_{WHEELS[machine]}"]
        command += ["--platform", f"manylinux2014_{WHEELS[machine]}"]
    command += ["-r", str(PINS)]
    command += ["-c", str(PINS), *requirements] if requirements else ["--no-deps"]
    environment = {k: v for k, v in os.environ.items() if k != "PIP_TARGET"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise explained(done.stderr, machine)
    for path in list(folder.rglob("*")):
        if path.suffix == ".pyi" or (path.name in DROPPED and path.parent.suffix == ".dist-info"):
            path.unlink()
    shutil.rmtree(folder / "bin", ignore_errors=True)
    compiled(folder)


def compiled(path: Path) -> None:
    """Byte code beside the sources: a function's folder is read-only, so each cold start would compile them again.

    Unchecked, since times don't survive the zip; the Python is the one the template names.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if path.is_dir():
        compileall.compile_dir(path, quiet=2, invalidation_mode=mode, stripdir=str(path.parent))
    elif path.suffix == ".py":
        compileall.compile_file(path, quiet=2, invalidation_mode=mode, stripdir=str(path.parent))


def explained(said: str, machine: str) -> RoostError:
    """What pip's complaint means to an author."""
    tail = "\n".join(f"  {line}" for line in said.strip().splitlines()[-6:])
    if re.search(r"Connection|Temporary failure|Could not fetch|timed out", said):
        return TransientError(f"the package index can't be reached:\n{tail}", code="offline")
    if found := re.search(r"No matching distribution found for (\S+)", said):
        return NotSupported(
            f"{found[1]} has no wheel for Lambda (Python {python_version()}, {machine}); Lambda builds nothing",
            code="no-wheel",
        )
    return Rejected(f"pip can't install the dependencies:\n{tail}", code="bad-dependencies")
