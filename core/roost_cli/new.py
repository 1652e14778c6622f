"""`roost new`: a small project that runs at once."""

from __future__ import annotations

import argparse
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .complaint import REFUSED, USAGE, Complaint
from .report import put, put_json
from .serve import Commands

TEMPLATES: Final = {
    "chat": "a chat agent with two tools, one of which asks first, and a page that streams; a model is one line",
    "counter": "a durable counter with a reminder: the smallest there is",
}
EXTRAS: Final = {"chat": ("pydantic_ai", "pip install 'roost[models]'")}
"""Templates that need more than Roost: a package that tells, and what installs it."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}\Z")
_PLACES: Final = {"gitignore.txt": ".gitignore", "test_app.py.txt": "tests/test_app.py"}
"""Where a template's file goes; others lose a `.txt`, which keeps tools from taking them for the repository's."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "new",
        help="make a small project that runs without a key, an account or Node",
        description="Make a project in the folder NAME: an app, its test, a README.",
    )
    parser.add_argument(
        "template", choices=TEMPLATES, nargs="?", metavar="TEMPLATE", help=f"{' or '.join(TEMPLATES)}; without: a list"
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="letters, digits, - and _; the folder must not exist or be empty"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.template is None:
        if args.json:
            put_json({"templates": TEMPLATES})
            return 0
        put("templates:")
        for template, about in TEMPLATES.items():
            put(f"  {template:<10}{about}")
        put("\n  roost new chat NAME")
        return 0
    if args.name is None:
        raise Complaint(f"the project needs a name: roost new {args.template} NAME", USAGE)
    name: str = args.name
    if not _NAME.match(name):
        raise Complaint(f"{name!r} can't name a project: a letter, then letters, digits, - and _, at most 50", USAGE)
    target = Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Complaint(f"{name} exists and is not empty: choose another name", REFUSED)
    home = files("roost_cli") / "templates"
    for folder in (home / "common", home / args.template):
        for source in folder.iterdir():
            write(source, target, name)
    made = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    missing = [] if args.template not in EXTRAS or find_spec(EXTRAS[args.template][0]) else [EXTRAS[args.template][1]]
    then = [f"cd {name}", *missing, "roost dev"]
    if args.json:
        put_json({"made": name, "files": made, "next": then})
        return 0
    put(f"made {name}: {', '.join(made)}")
    put("\n" + "".join(f"  {line}\n" for line in then))
    return 0


def write(source: Traversable, target: Path, name: str) -> None:
    """One file of a template; `{{name}}` becomes the project's name."""
    if not source.is_file() or source.name.endswith(".pyc"):
        return
    path = target / _PLACES.get(source.name, source.name.removesuffix(".txt"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source.read_text(encoding="utf-8").replace("{{name}}", name), encoding="utf-8")
