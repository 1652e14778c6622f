"""README and tutorial, followed with the Roost that is installed: `scripts/newcomer`. Prints what each block took."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.local.cli import program

from .blocks import ROOT, blocks
from .run import MODULES, Reader

PAGES = ("README.md", "docs/tutorial.md")


def main() -> int:
    """The exit code: 0 if all of it worked."""
    program.PATHS.clear()  # not this checkout's code
    began = time.monotonic()
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            reader = Reader(Path(folder), stack)
            for block in blocks(ROOT / page):
                what = f"{page}:{block.line} {block.language} {block.title}"
                if block.language == "js" and not MODULES.exists():
                    print(f"{'':>10}{what}: no npm packages here")
                    continue
                started = time.monotonic()
                try:
                    reader.read(block)
                except AssertionError as error:
                    print(f"{what}: {error}", file=sys.stderr)
                    return 1
                print(f"{time.monotonic() - started:8.1f} s  {what}", flush=True)
    print(f"{time.monotonic() - began:8.1f} s  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
