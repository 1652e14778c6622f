"""`roost validate`: read folders that define agents, and say everything that is wrong with them."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .complaint import BROKEN, Complaint
from .report import put, put_json, say, style
from .serve import Commands

if TYPE_CHECKING:
    from roost_chat.definitions.definition import Definition


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "validate",
        help="check folders that define agents",
        description="Read definitions of agents; print what each is, or what is wrong with its place. Exit code 4: "
        "something is.",
    )
    parser.add_argument("path", nargs="*", type=Path, help="an agent's folder, a folder of such, or an agent.yaml "
                        "(default: agents)")  # fmt: skip
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of agent.yaml, for editors")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if find_spec("ruamel") is None:
        raise Complaint("definitions are YAML, which needs: pip install 'roost[models]'")
    from roost_chat.definitions.document import BadDefinition
    from roost_chat.definitions.schema import schema

    if args.schema:
        put_json(schema())
        return 0
    found: list[Definition] = []
    wrong: list[str] = []
    for path in args.path or [Path("agents")]:
        try:
            found += _read(path)
        except BadDefinition as error:
            wrong += [str(p) for p in error.problems]
    if args.json:
        put_json({"definitions": {d.name: d.digest for d in found}, "problems": wrong})
        return BROKEN if wrong else 0
    for one in found:
        put(f"{style(one.name, 'bold')}  {_said(one)}")
    for line in wrong:
        say(line)
    return BROKEN if wrong else 0


def _read(path: Path) -> list[Definition]:
    from roost_chat.definitions.folder import NAMES, definition, definitions

    if path.is_file():
        path = path.parent
    if any((path / name).exists() for name in NAMES):
        return [definition(path)]
    return list(definitions(path).values())


def _said(one: Definition) -> str:
    parts = [one.model.id if one.model else "no model", *one.tools.builtin]
    for what, many in (("skill", len(one.skills)), ("schedule", len(one.schedules))):
        if many:
            parts.append(f"{many} {what}{'s' if many > 1 else ''}")
    if one.beyond:
        parts.append(f"needs containers: {', '.join(one.beyond)}")
    return ", ".join(parts)
