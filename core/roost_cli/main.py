"""`roost COMMAND ...`: the parser, and how every command ends.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no server answers, 4 the app is broken, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from roost import __version__
from roost.contract.errors import RoostError

from . import (
    admin,
    audit,
    bundle,
    call,
    check,
    completion,
    conformance,
    dev,
    jobs,
    key,
    limits,
    new,
    read,
    serve,
    tail,
    validate,
)
from .complaint import CODES, NAMES, REFUSED, USAGE, Complaint
from .config import command
from .report import error_json, never_fail, plain, say, show_error

EPILOG: Final = """\
start here:
  roost new chat hello && cd hello && roost dev

A running server is found at --url, else $ROOST_URL, else http://127.0.0.1:8787.
An app with App(auth=...) gets the token of --token, else of $ROOST_TOKEN, as the bearer.
The admin token is $ROOST_ADMIN_TOKEN, else the one `roost dev` keeps in .roost/admin-token."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="roost",
        description="Stateful Python agents: run them here, talk to them, look after them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"roost {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in (
        new,
        dev,
        serve,
        call,
        tail,
        read,
        jobs,
        admin,
        audit,
        limits,
        check,
        validate,
        command,
        key,
        bundle,
        conformance,
        completion,
    ):
        module.add(commands)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    never_fail()
    root = parser()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:2] == ["_words", "--"]:  # a shell asks what could stand here
        return completion.offer(root, words[2:])
    try:
        args = root.parse_args(words)
    except SystemExit as end:  # argparse has printed help or what is wrong
        return end.code if isinstance(end.code, int) else USAGE
    if args.command is None:
        root.print_help()
        return USAGE
    as_json = getattr(args, "json", False) is True  # of `conformance` it is a file
    try:
        return int(args.run(args))
    except Complaint as complaint:
        code = complaint.code
        say(error_json(str(complaint), NAMES[code]) if as_json else f"roost: {plain(str(complaint))}")
        return code
    except RoostError as error:
        say(error_json(error.message, error.code, error.id or "", error.data)) if as_json else show_error(error)
        return CODES.get(error.code, REFUSED)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `roost agents | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        said = f"{error.filename}: {error.strerror}"  # a folder that can't be written, for example
        say(error_json(said, NAMES[REFUSED]) if as_json else f"roost: {plain(said)}")
        return REFUSED
