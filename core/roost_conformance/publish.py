"""Where a report goes: the options of a command line, and the files they name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Document


def options(parser: argparse.ArgumentParser) -> None:
    """--json, --html, --text and --summary."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page to publish")
    parser.add_argument("--text", type=Path, metavar="FILE", help="write it as text")
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write which cases passed, as JSON, without times")


def publish(found: Document, args: argparse.Namespace) -> Iterator[Path]:
    """Write what was asked for; each file once it is there."""
    from .page import page  # every command of `roost` loads this file
    from .report import text

    contents = {
        args.json: found.model_dump_json(indent=1, exclude_none=True) + "\n",
        args.html: page(found),
        args.text: text(found),
        args.summary: found.summary().model_dump_json(indent=1) + "\n",
    }
    for path, content in contents.items():
        if path is not None:
            path.write_text(content, encoding="utf-8")
            yield path
