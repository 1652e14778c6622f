"""`roost dev`: serve an app while it is being written."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from roost.contract.errors import Rejected
from roost.contract.operators import Operators
from roost.hosting.folders import private
from roost.hosting.platform import emulator
from roost_server.listen import Listen

from .blame import short
from .project import find_project, named
from .report import put_json
from .serve import MEMORY, Commands, add_app, add_serving, config_lines, data_file, port, split_config
from .supervisor import Supervisor
from .token import make_token, shown_token
from .watch import Watch
from .welcome import welcome

PLATFORMS: Final = ("cloudflare", "lambda")
"""As in emulate.py, which is not loaded for it."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "dev",
        help="serve an app while you write it: reloads on change, with a console page",
        description="Serve an app on 127.0.0.1, restart it when a source file changes (sockets reconnect, state and "
        "timers stay), and show its agents on a page.",
    )
    add_app(parser)
    parser.add_argument("--port", type=port, default=8787, help="0 takes any free one (default: %(default)s)")
    add_serving(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--on", metavar="EMULATOR", help="run it in a platform's own runtime on this machine: workerd, aws-emulator"
    )
    where.add_argument(
        "--emulate", choices=PLATFORMS, help="let the rules of that platform hold here: limits, order, time-outs"
    )
    parser.add_argument("--no-reload", action="store_true", help="don't restart when a file changes")
    parser.add_argument("--open", action="store_true", help="open the console page in a browser")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    project = find_project()
    target = named(args.app, project)
    for text in config_lines(args.config):
        split_config(text)
    watch = None if args.no_reload else Watch([project.root, Path.cwd()])
    Operators.from_environment(os.environ)
    if args.on is not None:
        from .emulated import Emulated

        token = os.environ.get("ROOST_ADMIN_TOKEN") or make_token(project.token)
        return asyncio.run(Emulated(emulator(args.on), project, target, args, token, watch).run())
    data = data_file(args.data, project.data)
    shown = MEMORY if data is None else short(str(data))
    token = os.environ.get("ROOST_ADMIN_TOKEN") or make_token(project.token)
    listening = Listen(port=args.port).bind()
    kept = ("config", "idle_after", "log_level", "restless", "emulate")
    given = {
        "app": target,
        "root": str(project.root),
        "data": None if data is None else str(data),
        "shown": shown,
        "waits": watch is not None,
        "args": {name: getattr(args, name) for name in kept},
    }

    def first(report: dict[str, Any]) -> None:
        if args.json:
            kinds = [kind["kind"] for kind in report["kinds"]]
            put_json({"serving": report["url"], "page": supervisor.page, "app": target, "data": shown, "kinds": kinds})
            return
        welcome(
            target,
            {**report, "page": supervisor.page},
            shown,
            args.emulate,
            reloads=not args.no_reload,
            token=shown_token(project),
        )
        if args.open:
            webbrowser.open(supervisor.page)

    console = _apart(project.token.with_name("console-port"))
    with listening, console:
        supervisor = Supervisor(listening, console, given, token, watch, first)
        return supervisor.run()


def _apart(kept: Path) -> socket.socket:
    """A socket for the console page, at a port that was chosen at random for this project once and is in `kept`.

    A service worker that a page left behind answers for its origin for ever. So the console is where no app is served,
    neither this one nor one of another project, not even next time.
    """
    try:
        found = int(kept.read_text())
        return Listen(port=found if 0 < found < 65536 else 0).bind()
    except (OSError, ValueError):
        made = Listen(port=0).bind()
    except Rejected:  # another `roost dev` of this project has it
        return Listen(port=0).bind()
    with suppress(OSError):
        private(kept.parent)
        kept.write_text(f"{made.getsockname()[1]}\n")
    return made
