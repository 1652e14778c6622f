"""The dependencies of a bundle: wheels for another machine, chosen as that machine would choose them, unpacked."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from roost.contract.errors import NotSupported, Rejected, RoostError, TransientError

from . import pip_for, sbom

DROPPED: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What pip notes about an installation; nothing of it holds in a bundle."""


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that will run a bundle."""

    name: str
    """As an error calls it: "a Python Worker"."""
    python: str
    """Its Python: "3.14"."""
    platforms: tuple[str, ...] = ()
    """Tags of the wheels it loads besides pure ones, best first; none: this machine."""
    markers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Its values of marker variables (`sys_platform`, ...); those left out are this machine's."""
    lack: str = "has no wheel for it"
    """What is wrong with a package it can't have."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A line of a lock: one version, and the digests its wheels may have."""

    name: str
    version: str
    digests: frozenset[str]

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


def pins(path: Path) -> list[Pin]:
    """The lines of a requirements file with `==` and `--hash=sha256:`."""
    text = re.sub(r"\\\n", " ", path.read_text())
    found = (re.match(r"([\w.-]+)==([^\s;]+)(.*)", line) for line in text.splitlines())
    return [Pin(m[1], m[2], frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", m[3]))) for m in found if m]


def install(target: Target, locked: Path, requirements: Sequence[str], folder: Path, *more: Path) -> None:
    """Unpack the locked packages (those of `more` locks too), and those required beside them, into `folder`.

    NotSupported `no-wheel`: one of them has none for the target. Rejected: they contradict each other
    (`bad-dependencies`), pip would take an old one unasked (`step-back`), or a file is not the locked one (`bad-hash`).
    """
    if importlib.util.find_spec("pip") is None:
        raise NotSupported("bundling needs pip in this environment: python -m ensurepip")
    lock = [pin for path in (locked, *more) for pin in pins(path)]
    own = [pin.requirement for pin in lock]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        report, order, answer = work / "report.json", work / "order.json", work / "answer.json"
        (work / "pins.txt").write_text("\n".join(own))
        arguments = [
            "--disable-pip-version-check", "-q", "install", "--target", str(folder), "--no-compile",
            "--only-binary=:all:", "--report", str(report), "-r", str(work / "pins.txt"),
        ]  # fmt: skip
        if target.platforms:
            arguments += ["--implementation", "cp", "--python-version", target.python]
            arguments += [word for tag in target.platforms for word in ("--platform", tag)]
        arguments += ["-c", str(work / "pins.txt"), *requirements] if requirements else ["--no-deps"]
        whole: pip_for.Order = {
            "markers": dict(target.markers), "arguments": arguments, "folder": str(folder),
            "requirements": [*requirements, *own],
        }  # fmt: skip
        order.write_text(json.dumps(whole))
        environment = {k: v for k, v in os.environ.items() if k != "PIP_TARGET"}
        done = subprocess.run(
            [sys.executable, "-P", pip_for.__file__, str(order), str(answer)],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        if done.returncode:
            raise explained(done.stderr, target)
        _no_step_back(cast("list[pip_for.Behind]", json.loads(answer.read_text())), target)
        found = _installed(report)
        if target.platforms:  # this machine's own wheels may be any
            _as_locked(lock, {canonical(one.name): one.digest for one in found})
    for path in list(folder.rglob("*")):
        if path.suffix == ".pyi" or (path.name in DROPPED and path.parent.suffix == ".dist-info"):
            path.unlink()
    shutil.rmtree(folder / "bin", ignore_errors=True)  # console scripts
    sbom.write(folder, found)


def explained(said: str, target: Target) -> RoostError:
    """What pip's complaint means to an author."""
    if re.search(r"Connection|Temporary failure|Could not fetch|timed out", said):
        return TransientError(f"the package index can't be reached:\n{_tail(said)}", code="offline")
    if found := re.search(r"No matching distribution found for (\S+)", said):
        return NotSupported(f"{found[1]} {target.lack}", code="no-wheel")
    if "ResolutionImpossible" in said or "conflict" in said:
        wants = "\n".join(f"  {line.strip()}" for line in said.splitlines() if line.startswith("    "))
        return Rejected(f"the dependencies contradict each other or Roost's own:\n{wants}", code="bad-dependencies")
    return Rejected(f"pip can't install the dependencies:\n{_tail(said)}", code="bad-dependencies")


def _no_step_back(behind: Sequence[pip_for.Behind], target: Target) -> None:
    if behind:
        lines = "\n".join(
            f"  {b['name']}: {b['newest']} is there, but it, or what it needs, can't be had, and pip would take "
            f'{b["taken"]}. If that is meant, add "{b["name"]}<{b["newest"].partition(".")[0]}"'
            for b in behind
        )
        raise Rejected(
            f"for {target.name} pip goes back to an older major version, seldom the package you know:\n{lines}\n"
            "to [project] dependencies in pyproject.toml",
            code="step-back",
        )


def _installed(report: Path) -> list[sbom.Component]:
    """What pip has installed, each with the digest that it has verified or computed."""
    found: list[sbom.Component] = []
    for one in json.loads(report.read_text())["install"]:
        archive, metadata = one["download_info"].get("archive_info", {}), one["metadata"]
        digest = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
        license = metadata.get("license_expression") or metadata.get("license") or ""
        title = license if len(license) <= 100 and "\n" not in license else ""  # some put the whole text there
        found.append(sbom.Component(metadata["name"], metadata["version"], digest, title))
    return found


def _as_locked(lock: Sequence[Pin], digests: Mapping[str, str]) -> None:
    for pin in lock:
        digest = digests.get(canonical(pin.name), "")
        if pin.digests and digest not in pin.digests:
            raise Rejected(
                f"{pin.requirement}: the index gave a file with sha256 {digest}, which is none of those that Roost's "
                "lock names; nothing of it was run",
                code="bad-hash",
            )


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-6:])
