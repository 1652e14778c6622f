"""The table in docs/guarantees.md, made from the summaries of runs in docs/conformance: `scripts/guarantees`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from roost_conformance.guarantees import GUARANTEES, Guarantee
from roost_conformance.report import Summary

ROOT: Final = Path(__file__).parents[2]
SUMMARIES: Final = ROOT / "docs" / "conformance"
ORDER: Final = ("local", "cloudflare", "lambda", "memory")
BEGIN: Final = "<!-- guarantees: written by scripts/guarantees -->\n"
END: Final = "<!-- end of guarantees -->\n"


def summaries() -> list[Summary]:
    """Those that are kept, in the order of the columns."""
    found = [Summary.model_validate_json(path.read_bytes()) for path in SUMMARIES.glob("*.json")]
    return sorted(found, key=lambda s: ORDER.index(s.backend))


def table(found: list[Summary]) -> str:
    """Markdown: a row a guarantee, a column a backend, and what was run."""
    names = [one.backend for one in found]
    rows = [["guarantee", *names, "proved by"], ["---"] * (len(found) + 2)]
    rows += [[one.promise, *(_cell(one, summary) for summary in found), _proof(one)] for one in GUARANTEES]
    runs = "; ".join(
        f"{s.backend} {len(s.passed)} of {s.catalogue} cases, {' and '.join(s.modes)}, {s.at:%Y-%m-%d}" for s in found
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows) + f"\nRuns: {runs}.\n"


def _cell(one: Guarantee, summary: Summary) -> str:
    verdict = summary.verdict(one)
    return one.notes.get(summary.backend, "yes") if verdict == "kept" else f"**{verdict}**"


def _proof(one: Guarantee) -> str:
    return ", ".join(f"`{name}`" for name in (*one.cases, *one.also))


def written(page: str, found: list[Summary]) -> str:
    """The page with this table between its marks. ValueError: it has no marks."""
    front, mark, rest = page.partition(BEGIN)
    _, end, back = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    return front + BEGIN + table(found) + END + back


def main() -> int:
    """Write it."""
    page = ROOT / "docs" / "guarantees.md"
    page.write_text(written(page.read_text(), summaries()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
