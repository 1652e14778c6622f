"""`roost bundle lambda`: an app as a folder that `sam deploy` takes as it is, once for each kind of machine.

arm64/, x86_64/    template.yaml, sbom.cdx.json, and code/: dependencies, Roost, the author's modules, roost-bundle.json
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost.contract.errors import LimitExceeded, Rejected
from roost.hosting.packages import shipped, thinks
from roost.hosting.platform import Bundle, Project, Say
from roost_cli import sbom
from roost_cli.withheld import refuse

from .deployment import MANIFEST
from .wheels import Machine, compiled, dependencies, python_version

LIMIT: Final = 250 * 1024 * 1024
"""Bytes of a function, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
MARK: Final = ".roost-bundle"
HERE: Final = Path(__file__).parent
OFFLINE: Final = frozenset({
    "emulator", "bundle.py", "wheels.py", "platform.py", "harness.py", "requirements-bundle.txt",
    "requirements-models.txt", "template.yaml",
    "dev.py", "__pycache__", "py.typed",
})  # fmt: skip
"""Of this package: what runs on the author's machine, never in a function."""


def bundle(project: Project, out: Path, say: Say) -> Bundle:
    """Stage the app in `out`, replacing an earlier bundle. LimitExceeded `bundle`: more than Lambda takes."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise Rejected(f"{out} is not empty and no bundle of ours: name another folder with --out", code="not-ours")
    out.parent.mkdir(parents=True, exist_ok=True)
    sizes: list[int] = []
    parts: list[tuple[str, int]] = []
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        made = Path(temporary) / "bundle"
        machines: tuple[Machine, ...] = ("arm64", "x86_64")
        for machine in machines:
            write(project, machine, made / machine, say)
            size, parts = weigh(made / machine / "code")
            sizes.append(size)
            if size > LIMIT:
                largest = ", ".join(f"{name} {count >> 20:,} MiB" for name, count in parts[:5])
                raise LimitExceeded(
                    f"the bundle has {size >> 20:,} MiB unzipped and Lambda takes {LIMIT >> 20:,}; "
                    f"the largest parts: {largest}",
                    limit="bundle",
                )
        (made / MARK).write_text("Made by `roost bundle lambda`; overwritten by the next one.\n")
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    deploy = f"sam deploy --guided -t {out / 'arm64' / 'template.yaml'}"
    return Bundle(out, max(sizes), LIMIT, parts[:12], (deploy,), "unzipped")


def write(project: Project, machine: Machine, folder: Path, say: Say) -> None:
    """The template and the code for one kind of machine, whatever its size. Rejected `withheld`: a file of the project
    that must not go along."""
    refuse(project.files)
    code = folder / "code"
    shutil.copytree(dependencies(project.requirements, machine, say, thinks(project)), code)
    sbom.take(code, folder, project.name)
    for package, left_out in roosts(project):
        shutil.copytree(package, code / package.name, ignore=lambda _, names, out=left_out: out.intersection(names))
        compiled(code / package.name)
    for relative, path in project.files.items():
        target = code / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        compiled(target)
    manifest = {"app": project.app, "config": json.loads(json.dumps(project.config, default=str))}
    (code / MANIFEST).write_text(json.dumps(manifest, indent=1))
    architecture = "arm64" if machine == "arm64" else "x86_64"
    (folder / "template.yaml").write_text(template(project.app, architecture))


def template(app: str, architecture: str) -> str:
    """template.yaml for code that is ready: nothing is left to `sam build`."""
    text = template_file().read_text()
    text = re.sub(r"^(    CodeUri:) .*$", r"\1 code", text, count=1, flags=re.MULTILINE)
    for name, value in (("App", app), ("Runtime", f"python{python_version()}"), ("Architecture", architecture)):
        text, count = re.subn(
            rf"(^  {name}:\n    Type: String\n    Default:) .*$", rf"\1 {value}", text, count=1, flags=re.MULTILINE
        )
        assert count == 1, name
    return text


def template_file() -> Path:
    """The one template: inside the installed package, or at the root of a checkout."""
    inside = HERE / "template.yaml"
    return inside if inside.is_file() else HERE.parents[2] / "template.yaml"


def roosts(project: Project) -> Iterator[tuple[Path, frozenset[str]]]:
    """Roost's own packages that the app needs, each with the names left out of it."""
    yield from shipped(project)
    yield HERE, OFFLINE


def weigh(folder: Path) -> tuple[int, list[tuple[str, int]]]:
    """Bytes unzipped, and the parts, largest first."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).parts[0].removesuffix(".py")
            sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return sum(sizes.values()), sorted(sizes.items(), key=lambda part: -part[1])
