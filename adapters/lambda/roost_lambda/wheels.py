"""The dependencies of a function, unpacked: for AWS's machines or for this one. pip's work, kept by what went in."""

from __future__ import annotations

import compileall
import hashlib
import py_compile
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from roost.hosting.platform import Say
from roost_cli.wheels import Target, install

from .emulator.environment import cache

Machine: TypeAlias = Literal["arm64", "x86_64", "here"]
PINS: Final = Path(__file__).parent / "requirements-bundle.txt"
MODELS: Final = PINS.with_name("requirements-models.txt")
"""What agents that think need besides."""
WHEELS: Final[dict[str, str]] = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC: Final = ("2_34", "2_28", "2_17")
"""Amazon Linux 2023 has glibc 2.34; older wheels run there too."""
WAY: Final = "3"
"""How wheels are chosen; a new number makes the folders anew that are kept."""


def python_version() -> str:
    """The Python a bundle is for: this one, which Lambda has too."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def dependencies(requirements: Sequence[str], machine: Machine, say: Say, models: bool = False) -> Path:
    """A folder with the pinned packages (`models`: those of agents that think too) and those the author requires.
    NotSupported `no-wheel`: one has none for Lambda; Rejected: see `install`."""
    more = (MODELS,) if models else ()
    locks = [path.read_text() for path in (PINS, *more)]
    source = "\n".join([WAY, machine, python_version(), *locks, *sorted(requirements)])
    folder = cache() / "wheels" / hashlib.sha256(source.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    say(f"fetching wheels for {'this machine' if machine == 'here' else f'Lambda on {machine}'}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        part = Path(temporary) / "wheels"
        install(target(machine), PINS, requirements, part, *more)
        compiled(part)
        try:
            part.rename(folder)
        except OSError:  # another process was there first
            if not folder.is_dir():
                raise
    return folder


def target(machine: Machine) -> Target:
    """A function's machine, as pip and the markers of dependencies know it."""
    python = python_version()
    lack = f"has no wheel for Lambda (Python {python}, {machine}); Lambda builds nothing"
    if machine == "here":
        return Target("this machine", python, lack=lack)
    processor = WHEELS[machine]
    tags = (*(f"manylinux_{version}_{processor}" for version in GLIBC), f"manylinux2014_{processor}")
    markers = {
        "implementation_name": "cpython", "os_name": "posix", "platform_machine": processor,
        "platform_python_implementation": "CPython", "platform_release": "", "platform_system": "Linux",
        "platform_version": "", "sys_platform": "linux",
    }  # fmt: skip
    return Target(f"Lambda on {machine}", python, tags, markers, lack)


def compiled(path: Path) -> None:
    """Byte code beside the sources: a function's folder is read-only, so each cold start would compile them again.

    Unchecked, since times don't survive the zip; the Python is the one the template names.
    """
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if path.is_dir():
        compileall.compile_dir(path, quiet=2, invalidation_mode=mode, stripdir=str(path.parent))
    elif path.suffix == ".py":
        compileall.compile_file(path, quiet=2, invalidation_mode=mode, stripdir=str(path.parent))
