"""`roost tail`: an agent's event log, followed."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from typing import TYPE_CHECKING

from roost.contract.visible import visible

from .report import pretty, put, put_json, style
from .serve import Commands
from .server import add_address, add_common, ask, command

if TYPE_CHECKING:
    from roost_client import Client, Event


def add(commands: Commands) -> None:
    parser = command(commands, "tail", tail, "follow the event log of an agent, until Ctrl-C")
    add_address(parser)
    parser.add_argument("--after", type=int, default=0, metavar="N", help="begin after event number N (default: all)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", help="events of this kind; may be repeated"
    )
    parser.add_argument("--no-follow", action="store_true", help="print what is there and end")
    add_common(parser)


def tail(args: argparse.Namespace) -> int:
    async def work(client: Client) -> None:
        handle = client.handle(args.kind, args.agent)
        events = handle.events(after=args.after, kinds=args.only, follow=not args.no_follow)
        async with aclosing(events):
            async for event in events:
                show(event, as_json=args.json)

    ask(args, work, timeout=None)
    return 0


def show(event: Event, *, as_json: bool) -> None:
    """One line an event; live chunks and gaps are marked as what they are."""
    if as_json:
        at = None if event.at is None else event.at.timestamp()
        put_json({"type": event.type, "seq": event.seq, "kind": event.kind, "data": event.data, "at": at})
        return
    if event.type == "event":
        clock = "" if event.at is None else event.at.astimezone().strftime("%H:%M:%S")
        data = "" if event.data is None else pretty(event.data)
        put(f"{style(f'{event.seq:>5}', 'dim')}  {clock}  {style(visible(event.kind), 'cyan')}  {data}".rstrip())
    elif event.type == "gap":
        put(style(f"    -  older events are gone; the first kept is {event.data.get('first')}", "yellow"))
    else:
        put(f"{style(f'    ~  {visible(event.type)}', 'dim')}  {pretty(event.data)}")
