"""Write the digests into the locks of the bundles: `scripts/lock`, after a version in one was changed.

A lock names every file that a bundle may take: pure wheels, and one for each machine and Python.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from roost_cli.wheels import pins
from roost_cloudflare import wheels as cloudflare
from roost_lambda import wheels as functions

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""Those that Roost supports and Lambda has."""


def targets(path: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """(Python, platforms) of each machine that a lock is for."""
    if path in (cloudflare.PINS, cloudflare.MODELS):
        yield cloudflare.WORKER.python, cloudflare.WORKER.platforms
        return
    for python in PYTHONS:
        for machine in (functions.target("arm64"), functions.target("x86_64")):
            yield python, machine.platforms


def digests(path: Path) -> dict[str, set[str]]:
    """`name==version` -> sha256 of each file that a machine would take."""
    found: dict[str, set[str]] = {pin.requirement: set() for pin in pins(path)}
    for python, platforms in targets(path):
        tags = [word for tag in platforms for word in ("--platform", tag)]
        command = [sys.executable, "-m", "pip", "-q", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--implementation", "cp", "--python-version", python, *tags]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*command, "-d", folder, *found], check=True)
            files = {_name(p.name): p for p in Path(folder).iterdir()}
            for requirement, known in found.items():
                known.add(hashlib.sha256(files[_name(requirement.replace("==", "-"))].read_bytes()).hexdigest())
    return found


def _name(file: str) -> str:
    """name-version, as both a wheel and a requirement can say it."""
    stem, version = re.match(r"([\w.]+(?:-[A-Za-z_][\w.]*)*)-([\d][^-]*)", file).groups()  # type: ignore[union-attr]
    return f"{re.sub(r'[-_.]+', '-', stem).lower()}-{version.removesuffix('.whl')}"


def main() -> None:
    for path in (cloudflare.PINS, cloudflare.MODELS, functions.PINS, functions.MODELS):
        head = [line for line in path.read_text().splitlines() if line.startswith("#")]
        lines = [
            " \\\n    ".join([requirement, *(f"--hash=sha256:{digest}" for digest in sorted(known))])
            for requirement, known in sorted(digests(path).items())
        ]
        path.write_text("\n".join([*head, *lines]) + "\n")
        sys.stderr.write(f"{path.name}: {len(lines)} packages\n")


if __name__ == "__main__":
    main()
