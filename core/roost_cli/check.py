"""`roost check`: import the app and say what it has, what its config lacks, and where it can run."""

from __future__ import annotations

import argparse
import os

from roost.author.app import App
from roost.author.config import resolve
from roost.contract.errors import RoostError

from .complaint import BROKEN, REFUSED
from .project import find_project, load_app, named
from .report import put, put_json, say, style
from .serve import Commands, add_app, parse_config


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="check an app without serving it",
        description="Import an app; print its agents, what its config lacks, and the backends its limits leave.",
    )
    add_app(parser)
    parser.add_argument("--config", action="append", default=[], metavar="KIND.FIELD=VALUE", help="as for `serve`")
    parser.add_argument(
        "--security", action="store_true",
        help="say what the app leaves open, as it would stand before others; 1 if something is dangerous",
    )  # fmt: skip
    parser.add_argument(
        "--accept", action="append", default=[], metavar="CODE", help="with --security: this is meant; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from roost_server.options import Options, sources

    project = find_project()
    target = named(args.app, project)
    app = load_app(target, project)
    if args.security:
        return security(app, target, args)
    problem = None
    try:
        given = Options(config=parse_config(args.config, app))
        resolve(app.kinds.values(), sources(given, app, project.root))
    except RoostError as error:
        problem = error.message
    refused = app.limits.refused_by()
    if args.json:
        kinds = {kind.name: sorted(kind.actions) for kind in app.kinds.values()}
        jobs = {kind.name: sorted(kind.jobs) for kind in app.kinds.values() if kind.jobs}
        put_json({"app": target, "kinds": kinds, "jobs": jobs, "config": problem, "refused_by": refused})
        return BROKEN if problem else 0
    put(style(target, "bold"))
    for kind in app.kinds.values():
        put(f"  {kind.name:<16}{', '.join(kind.actions) or '(no actions)'}")
        if kind.jobs:
            put(f"  {'':<16}jobs: {', '.join(kind.jobs)}; lambda runs none yet, and refuses their start")
    for backend, names in refused.items():
        if names:
            put(f"  not on {backend}: App(limits=...) raises {', '.join(names)}")
    put(f"  runs on: {', '.join(b for b, names in refused.items() if not names) or 'nothing'}")
    if problem is not None:
        say(f"roost: {problem}")
        return BROKEN
    return 0


def security(app: App, target: str, args: argparse.Namespace) -> int:
    """What is open, the dangerous first."""
    from .security import findings

    found = findings(app, os.environ)
    unknown = sorted({*args.accept} - {one.code for one in found})
    meant = [one for one in found if one.code in args.accept]
    left = [one for one in found if one not in meant]
    dangerous = [one for one in left if one.level == "open"]
    if args.json:
        rows = [{"level": x.level, "code": x.code, "text": x.text, "accepted": x in meant} for x in found]
        put_json({"app": target, "findings": rows})
        return REFUSED if dangerous else 0
    put(style(target, "bold"))
    for one in left:
        put(f"  {style(one.level, 'red' if one.level == 'open' else 'yellow')}  {one.code:<20}{one.text}")
    for one in meant:
        put(f"  {style('meant', 'dim')} {one.code}")
    for code in unknown:
        say(f"roost: --accept {code}: there is nothing of that name here")
    if dangerous:
        codes = " ".join(f"--accept {code}" for code in dict.fromkeys(one.code for one in dangerous))
        put(f"  {len(dangerous)} open. What is meant can be said: {codes}")
        return REFUSED
    put("  nothing dangerous found; docs/security.md says what this can't see")
    return 0
