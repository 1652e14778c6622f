"""What an operator does to an agent: hibernate, export, import, destroy; letters, redriven or dropped."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roost.contract.visible import visible

from .complaint import USAGE, Complaint
from .report import put_json, say
from .serve import Commands
from .server import add_address, add_common, ask, command

if TYPE_CHECKING:
    from roost_client import AgentHandle, Client


def add(commands: Commands) -> None:
    for name, run, about in (
        ("hibernate", hibernate, "put an agent to sleep; its state, timers and sockets stay"),
        ("export", export, "write an agent as a portable document to stdout or --out"),
        ("import", restore, "make an agent from an exported document"),
        ("destroy", destroy, "end an agent; a later call starts a fresh one"),
        ("redrive", redrive, "put dead letters back into an agent's mailbox"),
        ("purge", purge, "drop dead letters, or what waits in the mailbox, for good"),
    ):
        parser = command(commands, name, run, about)
        add_address(parser)
        if name == "export":
            parser.add_argument("--out", type=Path, metavar="FILE")
        elif name == "import":
            parser.add_argument("file", metavar="FILE", help="the document; - reads stdin")
            parser.add_argument("--unsigned", action="store_true", help="whoever signed it, or nobody")
        elif name == "destroy":
            parser.add_argument("--yes", action="store_true", help="don't ask")
            parser.add_argument(
                "--exported", metavar="FILE", help="only if nothing has happened since this export; - reads stdin"
            )
        elif name == "redrive":
            parser.add_argument("--id", help="one dead letter (default: all)")
        elif name == "purge":
            parser.add_argument("--id", help="one of them (default: all)")
            parser.add_argument("--waiting", action="store_true", help="not dead letters, but what waits, unrun")
            parser.add_argument("--yes", action="store_true", help="don't ask")
        add_common(parser)


def _do(args: argparse.Namespace, verb: Callable[[AgentHandle], Awaitable[Any]]) -> Any:
    async def work(client: Client) -> Any:
        return await verb(client.handle(args.kind, args.agent))

    return ask(args, work, admin=True)


def _done(args: argparse.Namespace, what: str) -> int:
    put_json({"done": what}) if args.json else say(visible(f"{args.kind}/{args.agent} {what}"))
    return 0


def hibernate(args: argparse.Namespace) -> int:
    _do(args, lambda handle: handle.hibernate())
    return _done(args, "sleeps")


def export(args: argparse.Namespace) -> int:
    document = _do(args, lambda handle: handle.export())
    if args.out is None:
        put_json(document)
        return 0
    text = json.dumps(document, ensure_ascii=False)
    args.out.write_text(text + "\n", encoding="utf-8")
    return _done(args, f"exported to {args.out}")


def _document(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        document: Any = json.loads(text)
    except (OSError, ValueError) as error:
        raise Complaint(f"{file} is no exported document: {error}", USAGE) from error
    if not isinstance(document, dict):
        raise Complaint(f"{file} is no exported document: it is not a JSON object", USAGE)
    return document  # pyright: ignore[reportUnknownVariableType] (JSON)


def restore(args: argparse.Namespace) -> int:
    document = _document(args.file)
    _do(args, lambda handle: handle.restore(document, unsigned=args.unsigned))
    return _done(args, "imported")


def destroy(args: argparse.Namespace) -> int:
    exported = None if args.exported is None else _document(args.exported)
    if not args.yes:
        if args.exported == "-":
            raise Complaint("destroy asks first, and stdin is the document: say --yes", USAGE)
        _sure(args, "destroy", f"Destroy {visible(f'{args.kind}/{args.agent}')} for good?", "nothing was destroyed")
    try:
        _do(args, lambda handle: handle.destroy(exported))
    except ValueError as error:
        raise Complaint(f"{args.exported}: {error}", USAGE) from error
    return _done(args, "destroyed")


def redrive(args: argparse.Namespace) -> int:
    count = _do(args, lambda handle: handle.redrive(args.id))
    put_json({"redriven": count}) if args.json else say(f"{count} redriven")
    return 0


def purge(args: argparse.Namespace) -> int:
    what = "what waits for" if args.waiting else "the dead letters of"
    if not args.yes:
        address = visible(f"{args.kind}/{args.agent}")
        _sure(args, "purge", f"Drop {what} {address} for good? Nothing of it will run.", "nothing was dropped")

    async def all_of(handle: AgentHandle) -> int:
        drop = handle.purge_letters if args.waiting else handle.purge_dead_letters
        total = count = await drop(args.id)
        while count and args.id is None:  # a page at a time
            count = await drop(None)
            total += count
        return total

    count = _do(args, all_of)
    put_json({"purged": count}) if args.json else say(f"{count} dropped")
    return 0


def _sure(args: argparse.Namespace, command: str, question: str, kept: str) -> None:
    """Ask. Complaint: there is nobody to ask, or the answer was another key."""
    if not sys.stdin.isatty():
        raise Complaint(f"{command} asks first, and there is no terminal: say --yes", USAGE)
    print(f"{question} Type its key: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != args.agent:
        raise Complaint(kept)
