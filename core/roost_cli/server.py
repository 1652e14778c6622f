"""How commands reach a running server: its URL, the tokens, and what to say when nobody answers."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from roost.contract.errors import RoostError
from roost_server.listen import is_loopback

from .complaint import REFUSED, UNREACHABLE, USAGE, Complaint
from .project import find_project
from .serve import Commands
from .token import read_token

if TYPE_CHECKING:
    from roost_client import Client

T = TypeVar("T")

DEFAULT = "http://127.0.0.1:8787"


def add_common(parser: argparse.ArgumentParser) -> None:
    """--url, --token and --json."""
    parser.add_argument("--url", help=f"the server (default: $ROOST_URL, else {DEFAULT})")
    parser.add_argument(
        "--token", help="the bearer token to send, for an app with App(auth=...) (default: $ROOST_TOKEN; commands of "
        "an operator: the admin token)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_address(parser: argparse.ArgumentParser) -> None:
    """KIND and KEY."""
    parser.add_argument("kind", metavar="KIND", help="kebab-case, for example counter")
    parser.add_argument("agent", metavar="KEY", help="the agent's key, any text")


def command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], about: str
) -> argparse.ArgumentParser:
    """A command that talks to a server."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    parser.set_defaults(run=run)
    return parser


def ask(
    args: argparse.Namespace, work: Callable[[Client], Awaitable[T]], *, admin: bool = False, timeout: float | None = 30
) -> T:
    """Do something with the server. Complaint: it can't be reached, or no admin token is known."""
    from roost_client import Client  # slow to load, and not every command needs it

    url = address_of(args.url)
    token = args.token or (admin_token(url) if admin else os.environ.get("ROOST_TOKEN")) or None

    async def run() -> T:
        async with Client(url, token=token, timeout=timeout) as client:
            return await work(client)

    try:
        return asyncio.run(run())
    except RoostError as error:
        if error.code == "unreachable":
            where = "in the folder of your app" if find_project().app is None else "here"
            raise Complaint(
                f"no server answers at {url}\n  start one: `roost dev` {where}, or name another with --url",
                UNREACHABLE,
            ) from error
        if error.code == "unauthorized" and admin:
            raise Complaint(f"{url} takes another admin token: {error.message}", REFUSED) from error
        if error.status == 401 and not admin:
            more = "it was refused" if token else "none was sent"
            raise RoostError(
                f"{error.message}\nthe app asks who calls, and {more}: give a token with --token or ROOST_TOKEN",
                code=error.code, id=error.id, status=error.status, data=error.data,
            ) from error  # fmt: skip
        raise
    except ValueError as error:
        raise Complaint(str(error), USAGE) from error


def address_of(given: str | None) -> str:
    """The server that a command means."""
    return (given or os.environ.get("ROOST_URL") or DEFAULT).rstrip("/")


def client_of(url: str | None, token: str | None, *, operator: bool = False) -> Client:
    """A client for what needs no explanations: completion."""
    from roost_client import Client

    where = address_of(url)
    return Client(where, token=token or (admin_token(where) if operator else os.environ.get("ROOST_TOKEN")))


def admin_token(url: str) -> str:
    """The operator's token: of the environment, or for a server on this machine the one `roost dev` keeps."""
    given = os.environ.get("ROOST_ADMIN_TOKEN")
    if given:
        return given
    found = read_token(find_project().token) if is_loopback(urlsplit(url).hostname or "") else None
    if found is None:
        raise Complaint(
            "this needs the admin token: set ROOST_ADMIN_TOKEN, or run it in a project that `roost dev` serves here",
            USAGE,
        )
    return found
