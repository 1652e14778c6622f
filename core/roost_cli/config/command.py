"""`roost config`: check `roost.yaml`, show what comes of it, print its schema."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..complaint import BROKEN, USAGE, Complaint
from ..project import find_project
from ..report import put, put_json, say

if TYPE_CHECKING:
    from .reading import Loaded

FILES = ("roost.yaml", "roost.yml", "duragent.yaml", "duragent.yml")
AREAS = ("DATA_DIR", "SERVER_", "SERVICES_", "STORE", "GATEWAYS_", "SESSION_", "AGENTS_", "ADMIN_", "POOL_", "QUOTAS_",
         "EGRESS")  # fmt: skip


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "config",
        help="check and show roost.yaml",
        description="Read roost.yaml (or duragent.yaml) of this project and the environment as `roost serve` does.",
    )
    parser.add_argument(
        "do", choices=("check", "show", "schema"),
        help="check: say all that is wrong, exit code 4 if something is; show: what holds, and where it is from, "
        "secrets masked; schema: the JSON schema, for editors",
    )  # fmt: skip
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="(default: $ROOST_CONFIG, else the project's)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.do == "schema":
        from .schema import schema

        put_json(schema())
        return 0
    from roost_chat.definitions.document import BadDefinition

    from .refused import refused

    root = find_project().root
    environment = beside(root, os.environ)
    file = find(args.file, root, environment)
    try:
        loaded = load(file, root, environment)
    except BadDefinition as error:
        return _wrong([str(p) for p in error.problems], args)
    problems = [str(p) for p in refused(loaded)]
    if args.do == "show":
        from .shown import shown

        rows = shown(loaded)
        if args.json:
            put_json({row.name: {"value": row.value, "from": row.source} for row in rows})
        else:
            width = max((len(f"{row.name}: {row.value}") for row in rows), default=0)
            for row in rows:
                text = f"{row.name}: {row.value}"
                put(f"{text:<{min(width, 60)}}  # {row.source}")
    if problems:
        return _wrong(problems, args) if args.do == "check" else _wrong(problems, argparse.Namespace(json=False))
    if args.do == "check":
        if args.json:
            put_json({"problems": []})
        else:
            put(f"{file or 'the environment'}: nothing is wrong")
    return 0


def _wrong(problems: list[str], args: argparse.Namespace) -> int:
    if args.json:
        put_json({"problems": problems})
    else:
        for line in problems:
            say(line)
    return BROKEN


def beside(root: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, and what the project's `.env` says beside it."""
    if not (root / ".env").is_file():
        return environment
    from roost_server.options import dotenv

    return {**dotenv(root / ".env"), **environment}


def find(given: Path | None, root: Path, environment: Mapping[str, str]) -> Path | None:
    """The file: the one given, `$ROOST_CONFIG`, or the project's. Complaint: it is not there, or there are two."""
    named = given or (Path(environment["ROOST_CONFIG"]) if environment.get("ROOST_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise Complaint(f"there is no file {named}", USAGE)
        return named
    there = [root / name for name in FILES if (root / name).is_file()]
    if len(there) > 1:
        raise Complaint(f"{' and '.join(path.name for path in there)} are both in {root}: keep one", BROKEN)
    if not there:
        return None
    try:
        return there[0].relative_to(Path.cwd())
    except ValueError:
        return there[0]


def settings(given: Path | None, root: Path, environment: Mapping[str, str]) -> Loaded | None:
    """What `roost serve` goes by; None: neither a file nor the environment says anything.

    Complaint: something is wrong, or can't be had.
    """
    environment = beside(root, environment)
    file = find(given, root, environment)
    if file is None and not any(
        n.startswith("ROOST_") and n.removeprefix("ROOST_").startswith(AREAS) for n in environment
    ):
        return None
    from roost_chat.definitions.document import BadDefinition

    from .refused import refused

    try:
        loaded = load(file, root, environment)
        if wrong := refused(loaded):
            raise BadDefinition(wrong)
    except BadDefinition as error:
        raise Complaint(
            f"{file or 'the environment'} can't be used\n  " + error.message.replace("\n", "\n  "), BROKEN
        ) from None
    return loaded


def load(file: Path | None, root: Path, environment: Mapping[str, str]) -> Loaded:
    """BadDefinition. Complaint: YAML can't be read here."""
    if file is not None and find_spec("ruamel") is None:
        raise Complaint(f"{file} is YAML, which needs: pip install 'roost[config]'", BROKEN)
    from .reading import load as read

    return read(file, root, environment)
