"""`roost key`: an API key for `roost_auth.APIKeys`: the key, to be given away once, and the hash that the app keeps."""

from __future__ import annotations

import argparse

from .report import put, put_json, say
from .serve import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "key",
        help="make an API key and its hash",
        description="Make an API key: the key goes to who will call, its hash into APIKeys({NAME: HASH}). "
        "Nothing is stored.",
    )
    parser.add_argument("name", metavar="NAME", help="whose key it is: the principal of its calls")
    parser.add_argument(
        "--scrypt", action="store_true", help="hash it with scrypt, which a Cloudflare Worker can't verify"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from roost_auth import new_key

    key, hash = new_key(scrypt=args.scrypt)
    if args.json:
        put_json({"name": args.name, "key": key, "hash": str(hash)})
        return 0
    put(f"key   {key}")
    put(f"hash  {hash}")
    say(f"The key is shown this once. In the app: APIKeys({{{args.name!r}: {str(hash)!r}}})")
    return 0
