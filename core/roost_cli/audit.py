"""`roost audit`: what operators did, and what was refused."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Final

from roost.contract.visible import visible

from .report import put, put_json, style
from .serve import Commands
from .server import add_common, ask, command

if TYPE_CHECKING:
    from roost_client import Client
    from roost_client.client import AuditEntry

_COLOURS: Final = {"asked": "dim", "done": "green", "refused": "yellow"}


def add(commands: Commands) -> None:
    parser = command(commands, "audit", audit, "print what operators did, and what was refused to others")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="begin after entry number N (default: all)")
    add_common(parser)


def audit(args: argparse.Namespace) -> int:
    async def work(client: Client) -> None:
        async for entry in client.audit(after=args.after):
            put_json(entry) if args.json else put(line(entry))

    ask(args, work, admin=True)
    return 0


def line(entry: AuditEntry) -> str:
    """`   12  2026-03-29 12:30:00  done     ann       destroy      counter/a  200`"""
    data = entry["data"]
    at = datetime.fromtimestamp(entry["at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    where = f"{data.get('kind')}/{data.get('key')}" if data.get("kind") else ""
    rest = [str(data[name]) for name in ("status", "code") if data.get(name) is not None]
    if data.get("untold"):
        rest.append(f"and {data['untold']} more before it")
    did = style(f"{entry['kind']:<8}", _COLOURS.get(entry["kind"], "bold"))
    who, what = visible(str(data.get("who") or "?")), visible(str(data.get("what")))
    client = f"from {data['client']}" if data.get("client") else ""
    parts = [f"{entry['seq']:>5}", at, did, f"{who:<12}", f"{what:<14}", visible(where), *rest, visible(client)]
    return "  ".join(part for part in parts if part).rstrip()
