"""`roost bundle BACKEND`: stage an app for a platform's own deploy command."""

from __future__ import annotations

import argparse
from pathlib import Path

from roost.hosting.platform import find, names

from .complaint import BROKEN, Complaint
from .gather import gather, says_who
from .limits import size
from .project import find_project, named
from .report import put, put_json, say
from .serve import Commands, add_app, open_to_all


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "bundle",
        help="stage an app for the deploy command of Cloudflare or AWS",
        description="Stage an app with all it needs in a folder, ready for the platform's own deploy command.",
    )
    parser.add_argument("backend", metavar="BACKEND", help=f"one of {', '.join(names())}")
    add_app(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder (default: dist/BACKEND in the project)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    found = find_project()
    target = named(args.app, found)
    platform = find(args.backend)
    out = (args.out or found.root / "dist" / platform.name).resolve()
    source = gather(found, target)
    if not says_who(source):
        raise Complaint(f"once it is deployed, others can reach it, and {open_to_all(target)}", BROKEN)
    made = platform.bundle(source, out, say)
    if args.json:
        put_json({"folder": str(made.folder), "size": made.size, "limit": made.limit, "parts": list(made.parts)})
        return 0
    for what, count in made.parts:
        put(f"  {count / 1024:>8,.0f} KiB  {what}")
    put(f"{made.folder}: {made.size / 1024:,.0f} KiB {made.counted} of {size(made.limit, 'bytes')}")
    for line in made.deploy:
        say(f"  {line}")
    return 0
