"""`roost limits`: the portable limits, where each comes from, and what a backend alone would allow."""

from __future__ import annotations

import argparse
from dataclasses import fields

from roost.contract.limits import PORTABLE, Limits

from .report import put_json, say, table
from .serve import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "limits",
        help="print the portable limits and their sources",
        description="Print the limits that hold on every backend, the narrowest of any platform.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    wider = {f.name: f.metadata["backends"] for f in fields(Limits)}
    if args.json:
        for name, value, unit, source in PORTABLE.rows():
            put_json({"limit": name, "value": value, "unit": unit, "source": source, "backends": wider[name]})
        return 0
    rows = (
        [name, size(value, unit), ", ".join(f"{b} {size(v, unit)}" for b, v in wider[name].items()), source]
        for name, value, unit, source in PORTABLE.rows()
    )
    table(["LIMIT", "EVERYWHERE", "ALONE", "SOURCE"], rows)
    say("\nAn app may raise one: App(limits=Limits(state=...)). `roost check` says which backends are left.")
    return 0


def size(value: float, unit: str) -> str:
    """A value as people say it."""
    if unit == "bytes":
        for name, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value >= factor and value % factor == 0:
                return f"{value / factor:g} {name}"
        return f"{value:g} B"
    return f"{value:,.0f}" if unit != "seconds" else f"{value:g} s"
