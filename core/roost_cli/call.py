"""`roost call` and `roost tell`: run an action, now or durably later."""

from __future__ import annotations

import argparse
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from roost.contract.errors import RoostError

from .report import pretty, put, put_json, say, shown, style
from .serve import Commands
from .server import add_address, add_common, ask, command
from .words import Signature, doubtful, read

if TYPE_CHECKING:
    from roost_client import Client

ARGUMENTS: Final = """\
arguments: JSON, or a bare word for text; what the action takes as text is text; name=value passes it by name.
  roost call counter a increment 5
  roost call counter a remind seconds=10 text='tea is ready'
  roost call board b put a1 5                  (text where the action takes text)"""


def add(commands: Commands) -> None:
    for parser in (
        command(commands, "call", call, "call an action and print its result; a stream is printed as it comes"),
        command(commands, "tell", tell, "have an action run durably, with retries; prints the id"),
    ):
        parser.epilog = ARGUMENTS
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        add_address(parser)
        parser.add_argument("action", metavar="ACTION")
        parser.add_argument("arguments", metavar="ARG", nargs="*")
        parser.add_argument("--key", metavar="ID", help="idempotency key: the same key runs once")
        add_common(parser)
        if parser.prog.endswith(" tell"):
            parser.add_argument("--lane", choices=["standard", "urgent"], default="standard")
            parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="seconds from now")
        else:
            parser.add_argument("--timeout", type=float, default=30.0, metavar="S", help="(default: %(default)g)")


def call(args: argparse.Namespace) -> int:
    async def work(client: Client) -> Any:
        positional, named = await arguments(client, args, args.action)
        stream = client.handle(args.kind, args.agent).stream_with(
            args.action, positional, named, idempotency_key=args.key
        )
        text = False
        async with aclosing(stream):
            async for chunk in stream:
                if args.json:
                    put_json({"chunk": chunk})
                elif isinstance(chunk, str):  # words of an answer: as they would be read
                    print(shown(chunk), end="", flush=True)
                    text = True
                else:
                    put(pretty(chunk))
        if text:
            print(flush=True)
        return stream.result, text

    result, text = ask(args, work, timeout=args.timeout)
    if args.json:
        put_json({"result": result})
    elif isinstance(result, str):
        put(shown(result))
    elif result is not None:
        put(pretty(result))
    elif not text and sys.stderr.isatty():
        say(style("done", "dim", sys.stderr))
    return 0


def tell(args: argparse.Namespace) -> int:
    async def work(client: Client) -> str:
        positional, named = await arguments(client, args, args.action)
        return await client.handle(args.kind, args.agent).tell_with(
            args.action, positional, named, lane=args.lane, delay=args.delay, idempotency_key=args.key
        )

    id = ask(args, work)
    put_json({"id": id}) if args.json else put(id)
    return 0


async def arguments(
    client: Client, args: argparse.Namespace, name: str, verb: str = "call"
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as the action, or the job, takes them; its signature is asked for only where it decides."""
    signature = None
    if doubtful(args.arguments):
        try:
            signature = Signature.find(await client.openapi(), args.kind, name, verb)
        except RoostError as error:
            if error.code == "unreachable":
                raise
    return read(args.arguments, signature)
