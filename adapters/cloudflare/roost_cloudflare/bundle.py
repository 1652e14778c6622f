"""`roost bundle cloudflare`: an app as a folder that `wrangler deploy` and `pywrangler deploy` take as it is.

src/               the Worker's modules: the entry, the author's, Roost's
python_modules/    the dependencies (the name and the place are Cloudflare's)
wrangler.toml      classes, migrations, flags
sbom.cdx.json      the dependencies with their digests, as CycloneDX
pyproject.toml     makes it a workers-py project: `pywrangler sync` resolves the same dependencies again
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost.contract.errors import LimitExceeded, Rejected
from roost.hosting.packages import shipped, thinks
from roost.hosting.platform import Bundle, Project, Say
from roost_cli import sbom
from roost_cli.withheld import refuse

from .wheels import modules, pinned
from .wrangler import wrangler_toml

LIMIT: Final = 10 * 1024 * 1024
"""Bytes of a Worker, compressed: https://developers.cloudflare.com/workers/platform/limits/#worker-size (paid plan)"""
ENTRY: Final = "roost_entry"
MARK: Final = ".roost-bundle"
"""Says that a folder is ours to overwrite."""
HERE: Final = Path(__file__).parent
_TOOLS = (
    "archive", "bundle", "cache", "emulator", "harness", "host", "npm", "platform", "ports", "probe", "snapshot",
    "stage", "wheels", "wrangler",
)  # fmt: skip
OFFLINE: Final = frozenset(f"{name}.py" for name in _TOOLS) | {"workerd", "__pycache__"}
"""Of this package: what runs on the author's machine, never in a Worker."""
PROVIDED: Final = frozenset({"js", "pyodide", "pyodide_js", "workers", "_pyodide"})
"""Modules that the platform itself brings."""

SOURCE: Final = '''\
"""The Worker's entry. Made by `roost bundle cloudflare`."""

from {module} import {root} as _app
from roost_cloudflare.worker import serve

Default, RoostAgent, RoostRegistry = serve(_app{rest}, config={config})
'''


def bundle(project: Project, out: Path, say: Say) -> Bundle:
    """Stage the app in `out`, replacing an earlier bundle. Errors: see `modules`; LimitExceeded `bundle`."""
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise Rejected(f"{out} is not empty and no bundle of ours: name another folder with --out", code="not-ours")
    dependencies = modules(project.requirements, say, thinks(project))
    _check_imports(project, dependencies)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        part = Path(temporary) / "bundle"
        write(project, dependencies, part)
        size, parts = weigh(part)
        if size > LIMIT:
            largest = ", ".join(f"{name} {count / 1024:,.0f} KiB" for name, count in parts[:5])
            raise LimitExceeded(
                f"the Worker has {size / 1024:,.0f} KiB compressed and Cloudflare takes {LIMIT // 1024:,}; "
                f"the largest parts: {largest}",
                limit="bundle",
            )
        shutil.rmtree(out, ignore_errors=True)
        part.rename(out)
    deploy = ("wrangler deploy", "wrangler secret put ROOST_ADMIN_TOKEN")
    return Bundle(out, size, LIMIT, parts, tuple(f"cd {out} && {line}" for line in deploy))


def write(project: Project, dependencies: Path, folder: Path) -> None:
    """The folder, whatever its size. Rejected `withheld`: a file of the project that must not go along."""
    refuse(project.files)
    name = _slug(project.name)
    source = folder / "src"
    shutil.copytree(dependencies, folder / "python_modules")
    sbom.take(folder / "python_modules", folder, project.name)
    for relative, path in project.files.items():
        target = source / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for package, left_out in roosts(project):
        shutil.copytree(package, source / package.name, ignore=lambda _, names, out=left_out: out.intersection(names))
    (source / f"{ENTRY}.py").write_text(entry(project))
    data = [relative for relative in project.files if not relative.endswith(".py")]
    (folder / "wrangler.toml").write_text(wrangler_toml(name, f"src/{ENTRY}.py", data))
    listed = "".join(f"    {json.dumps(pin)},\n" for pin in pinned(dependencies))
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "0.0.0"\nrequires-python = ">=3.12"\n'
        f'dependencies = [\n{listed}]\n\n[dependency-groups]\ndev = ["workers-py"]\n'
    )
    (folder / MARK).write_text("Made by `roost bundle cloudflare`; overwritten by the next one.\n")


def roosts(project: Project) -> Iterator[tuple[Path, frozenset[str]]]:
    """Roost's own packages that the app needs, each with the names left out of it."""
    yield from shipped(project)
    yield HERE, OFFLINE


def entry(project: Project) -> str:
    """The source of the entry module."""
    module, _, attribute = project.app.partition(":")
    root, dot, rest = attribute.partition(".")
    config = json.loads(json.dumps(project.config, default=str))
    return SOURCE.format(module=module, root=root, rest=dot + rest, config=config)


def weigh(folder: Path) -> tuple[int, list[tuple[str, int]]]:
    """Bytes of the Worker as wrangler counts them (all modules, gzip), and the largest parts compressed alone."""
    whole, alone = bytearray(), dict[str, bytearray]()
    for top in ("src", "python_modules"):
        for path in sorted((folder / top).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                data = path.read_bytes()
                whole += data
                name = path.relative_to(folder / top).parts[0].removesuffix(".py")
                if not name.endswith(".dist-info"):
                    alone.setdefault(name, bytearray()).extend(data)
    parts = sorted(((n, len(gzip.compress(d))) for n, d in alone.items()), key=lambda part: -part[1])
    return len(gzip.compress(whole)), parts


def _check_imports(project: Project, dependencies: Path) -> None:
    """What loading the app imports must be in the bundle: else the deployment would fail, and say less."""
    there = {path.name.partition(".")[0] for path in dependencies.iterdir()} | PROVIDED | sys.stdlib_module_names
    missing = [f"{where} imports {name!r}" for name, where in project.imports.items() if name not in there]
    if missing:
        raise Rejected(
            "\n  ".join([*missing, "which no dependency brings: add it to [project] dependencies in pyproject.toml"]),
            code="missing-dependency",
        )


def _slug(name: str) -> str:
    """A name that Cloudflare takes for a Worker."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:54].strip("-") or "roost-app"
