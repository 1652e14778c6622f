"""`scripts/bench NAME [options]`: one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from . import cloudflare, instructions, local, peers
from .figure import BenchFailed


def aws(argv: Sequence[str]) -> int:
    """`lambda` is no name that an import statement takes."""
    main: Callable[[Sequence[str]], int] = import_module("tests.lambda.bench").main
    return main(argv)


BENCHES: dict[str, Callable[[Sequence[str]], int]] = {
    "cloudflare": cloudflare.main, "instructions": instructions.main, "lambda": aws, "local": local.main,
    "peers": peers.main,
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run one bench; 1 when something went wrong, so that its figures must not be used."""
    if not argv or argv[0] not in BENCHES:
        print(f"usage: scripts/bench {'|'.join(BENCHES)} [options]", file=sys.stderr)
        return 2
    try:
        return BENCHES[argv[0]](argv[1:])
    except BenchFailed as error:
        print(f"bench: FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
