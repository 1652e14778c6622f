"""`roost conformance URL`: the published suite against any deployment, with a report to publish."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

from roost.contract.errors import RoostError
from roost_conformance.publish import options, publish

from .complaint import REFUSED, UNREACHABLE, USAGE, Complaint
from .report import put, say, style
from .serve import Commands, seconds
from .server import admin_token

if TYPE_CHECKING:
    from roost_conformance.report import Document


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "conformance",
        help="examine a deployment with the published suite",
        description="Run the conformance catalogue against a deployment of the suite's own agents "
        "(roost.testing.app:app), and report what it keeps. Cases that kill the host can't be run from outside: they "
        "are listed as such. With --security, of any app: what an attacker may not do. Exit code 0: nothing failed.",
        epilog="Give such a deployment nothing else to do, and throw it away afterwards: it fills with test agents.",
    )
    parser.add_argument("url", metavar="URL", help="the deployment, for example https://suite.you.workers.dev")
    parser.add_argument("--token", help="its admin token (default: $ROOST_ADMIN_TOKEN)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="the cases whose name matches")
    parser.add_argument("--base-path", metavar="PATH", help="where WebSockets come in if there is one URL for all")
    parser.add_argument(
        "--security", action="store_true",
        help="try harmless attacks instead, against a deployment of any app: they make no agent and change nothing",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=seconds, default=15.0, metavar="S",
        help="seconds within which what must happen happens; more for a slow deployment (default: %(default)g)",
    )  # fmt: skip
    options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    token: str = args.token or os.environ.get("ROOST_ADMIN_TOKEN") or ""
    if args.security:  # an attacker has no token
        found = asyncio.run(_attack(args.url, token, args.only, args.base_path))
    else:
        token = token or admin_token(args.url)
        found = asyncio.run(_examine(args.url, token, args.only, args.base_path, args.patience))
    for path in publish(found, args):
        say(f"written: {path}")
    for name in found.summary().needs_harness:
        say(f"  needs a harness: {name}")
    good = not found.count("failed") and found.count("passed")
    put(style(found.totals, "green" if good else "red"))
    return 0 if good else REFUSED


async def _attack(url: str, token: str, only: str, base_path: str | None) -> Document:
    from roost_conformance.security.suite import attack_all
    from roost_conformance.security.target import look

    try:
        target = await look(url, token, base_path=base_path)
    except RoostError as error:
        raise Complaint(error.message, UNREACHABLE if error.code == "unreachable" else USAGE) from error
    found = await attack_all(target, target.url, only, put)
    if not found.cases:
        raise Complaint(f"no attack is called {only}: --only takes a glob, for example '*page*'", USAGE)
    return found


async def _examine(url: str, token: str, only: str, base_path: str | None, patience: float) -> Document:
    from roost_conformance.remote import look
    from roost_conformance.report import document
    from roost_conformance.run import run as run_cases

    try:
        harness = await look(url, token, base_path=base_path)
    except RoostError as error:
        raise Complaint(error.message, UNREACHABLE if error.code == "unreachable" else USAGE) from error
    harness.patience = patience
    modes = [harness.restless]
    report = await run_cases(harness, modes=modes, only=only, crashes=False, say=put)
    if not report.outcomes and not report.unable:
        raise Complaint(f"no case is called {only}: `roost conformance` takes a glob, for example '*crash*'", USAGE)
    return document(
        report, deployment=harness.url, version=harness.version, capabilities=harness.capabilities, modes=modes
    )
