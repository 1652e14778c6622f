"""`roost check`: import the app and say what it has, what its config lacks, and where it can run."""

from __future__ import annotations

import argparse

from roost.author.config import resolve
from roost.contract.errors import RoostError

from .complaint import BROKEN
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
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from roost_server.options import Options, sources

    project = find_project()
    target = named(args.app, project)
    app = load_app(target, project)
    problem = None
    try:
        given = Options(config=parse_config(args.config, app))
        resolve(app.kinds.values(), sources(given, app, project.root))
    except RoostError as error:
        problem = error.message
    refused = app.limits.refused_by()
    if args.json:
        kinds = {kind.name: sorted(kind.actions) for kind in app.kinds.values()}
        put_json({"app": target, "kinds": kinds, "config": problem, "refused_by": refused})
        return BROKEN if problem else 0
    put(style(target, "bold"))
    for kind in app.kinds.values():
        put(f"  {kind.name:<16}{', '.join(kind.actions) or '(no actions)'}")
    for backend, names in refused.items():
        if names:
            put(f"  not on {backend}: App(limits=...) raises {', '.join(names)}")
    put(f"  runs on: {', '.join(b for b, names in refused.items() if not names) or 'nothing'}")
    if problem is not None:
        say(f"roost: {problem}")
        return BROKEN
    return 0
