"""`roost call` and `roost tell`: run an action, now or durably later."""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .complaint import USAGE, Complaint
from .report import pretty, put, put_json, say, style
from .serve import Commands
from .server import add_address, add_common, ask, command

if TYPE_CHECKING:
    from roost_client import Client

ARGUMENTS: Final = """\
arguments: JSON, or a bare word for text; name=value passes it by name.
  roost call counter a increment 5
  roost call counter a remind seconds=10 text='tea is ready'
  roost call board b put '{"x": 1}' '"5"'      (the text 5)"""
_NAMED: Final = re.compile(r"([^\W\d]\w*)=(.*)\Z", re.DOTALL)


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
    positional, named = read(args.arguments)

    async def work(client: Client) -> Any:
        stream = client.handle(args.kind, args.agent).stream_with(
            args.action, positional, named, idempotency_key=args.key
        )
        text = False
        async with aclosing(stream):
            async for chunk in stream:
                if args.json:
                    put_json({"chunk": chunk})
                elif isinstance(chunk, str):  # words of an answer: as they would be read
                    print(chunk, end="", flush=True)
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
        put(result)
    elif result is not None:
        put(pretty(result))
    elif not text and sys.stderr.isatty():
        say(style("done", "dim", sys.stderr))
    return 0


def tell(args: argparse.Namespace) -> int:
    positional, named = read(args.arguments)

    async def work(client: Client) -> str:
        return await client.handle(args.kind, args.agent).tell_with(
            args.action, positional, named, lane=args.lane, delay=args.delay, idempotency_key=args.key
        )

    id = ask(args, work)
    put_json({"id": id}) if args.json else put(id)
    return 0


def read(words: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments. Complaint: a name twice, or a position after a name."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        found = _NAMED.match(word)
        if found is None:
            if named:
                raise Complaint(f"the argument {word!r} stands after a named one: name it too", USAGE)
            positional.append(value(word))
        elif found[1] in named:
            raise Complaint(f"the argument {found[1]!r} is given twice", USAGE)
        else:
            named[found[1]] = value(found[2])
    return positional, named


def value(text: str) -> Any:
    """JSON if it is, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
