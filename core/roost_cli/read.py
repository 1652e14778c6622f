"""`roost agents`, `status`, `state` and `letters`: which agents there are, how one is, what it holds."""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

from roost.contract.visible import visible

from .report import moment, pretty, put, put_json, say, style, table
from .serve import Commands
from .server import add_address, add_common, ask, command

if TYPE_CHECKING:
    from roost_client import Client


SHOWN = (
    "generation", "connections", "subscribers", "mailbox", "outbox", "jobs", "dead_letters", "events", "stored_bytes",
)  # fmt: skip
"""Figures of an agent, in this order."""


def add(commands: Commands) -> None:
    agents_parser = command(commands, "agents", agents, "list the agents")
    agents_parser.add_argument("--kind", help="of this kind only")
    agents_parser.add_argument("--prefix", help="whose keys begin so")
    agents_parser.add_argument("--limit", type=int, metavar="N", help="at most so many (default: all)")
    add_common(agents_parser)
    state_parser = command(commands, "state", state, "print the committed state of an agent; wakes nobody")
    add_address(state_parser)
    add_common(state_parser)
    letters_parser = command(commands, "letters", letters, "list an agent's dead letters; `redrive` tries them again")
    add_address(letters_parser)
    add_common(letters_parser)
    status_parser = command(commands, "status", status, "show status, schedules and metrics of an agent; wakes nobody")
    add_address(status_parser)
    add_common(status_parser)


def agents(args: argparse.Namespace) -> int:
    async def work(client: Client) -> list[Any]:
        rows: list[Any] = []
        async for row in client.agents(kind=args.kind, prefix=args.prefix, limit=500):
            if args.limit is not None and len(rows) >= args.limit:
                break
            rows.append(row)
            if not args.json and len(rows) % 1000 == 0 and sys.stderr.isatty():
                print(f"\r{len(rows)} agents", end="", file=sys.stderr, flush=True)
        return rows

    rows = ask(args, work)
    if args.json:
        for row in rows:
            put_json(row)
    elif rows:
        if len(rows) >= 1000 and sys.stderr.isatty():
            print("\r" + " " * 24 + "\r", end="", file=sys.stderr)
        table(
            ["KIND", "KEY", "VERSION", "UPDATED", "NEXT WAKE"],
            ([r["kind"], r["key"], r["version"], moment(r.get("updated")), moment(r.get("next_wake"))] for r in rows),
        )
    else:
        say("there are no agents yet: the first call makes one")
    return 0


def state(args: argparse.Namespace) -> int:
    async def work(client: Client) -> Any:
        return await client.handle(args.kind, args.agent).snapshot()

    found = ask(args, work)
    put_json({"state": found.state, "version": found.version}) if args.json else put(pretty(found.state))
    return 0


def letters(args: argparse.Namespace) -> int:
    async def work(client: Client) -> list[dict[str, Any]]:
        return await client.handle(args.kind, args.agent).dead_letters()

    found = ask(args, work, admin=True)  # what others sent, and what the app's code said: for the operator
    if args.json:
        for letter in found:
            put_json(letter)
    elif found:
        for letter in found:
            put(pretty(letter))
    else:
        say("there are no dead letters")
    return 0


def status(args: argparse.Namespace) -> int:
    async def work(client: Client) -> dict[str, Any]:
        return await client.handle(args.kind, args.agent).status()

    doc = ask(args, work)
    if args.json:
        put_json(doc)
        return 0
    put(f"{style(visible(f'{args.kind}/{args.agent}'), 'bold')}  {doc['status']}  version {doc['version']}")
    for name in SHOWN:
        if name in doc:
            put(f"  {name.replace('_', ' '):<14}{doc[name]}")
    put(f"  {'next wake':<14}{moment(doc.get('next_wake'))}")
    for one in doc.get("schedules", ()):
        put(f"    {visible(one['key']):<12}{moment(one['due'])}  {visible(one['target'])}  {pretty(one['spec'])}")
    metrics = doc.get("metrics")
    if metrics:
        total = sum(sum(by.values()) for by in metrics["ticks"].values())
        put(f"  {'ticks':<14}{total}, mean {metrics['mean_seconds'] * 1000:.1f} ms")
        for kind, by in islice(metrics["ticks"].items(), 20):
            put(f"    {visible(kind):<12}{', '.join(f'{n} {outcome}' for outcome, n in by.items())}")
        if metrics.get("last_error"):
            last = metrics["last_error"]
            put(f"  {'last error':<14}{visible(last['message'])} ({visible(last['code'])})")
    return 0
