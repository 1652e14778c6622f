"""docs/benchmarks.md and its plot, out of the lines of one run. Only words.py is written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..figure import BenchFailed
from ..server import ROOT
from .plot import draw
from .words import AHEAD, DURABLE, HEAD, NONE, TITLES, WORKS

DOCS: Final = ROOT / "docs"
LINES: Final = DOCS / "benchmarks.jsonl"
Figure = dict[str, float | str]
Figures = Mapping[tuple[str, str], Figure]


def publish(lines: Sequence[Figure]) -> None:
    """Write the lines and what is made of them."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for path, content in pages(lines).items():
        path.write_text(content)
    LINES.write_text(text)


def kept() -> list[Figure]:
    """The lines of the run that is published; none before the first."""
    return [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []


def pages(lines: Sequence[Figure]) -> dict[Path, str]:
    """The page and the plot of these lines; without any, a page that says so."""
    if not lines:
        return {DOCS / "benchmarks.md": HEAD.format(command="scripts/bench peers --publish") + NONE}
    told, figures = read(lines)
    return {DOCS / "benchmarks.md": page(told, figures), DOCS / "benchmarks.svg": draw(figures)}


def read(lines: Iterable[Figure]) -> tuple[Figure, Figures]:
    """(the machine's line, the figures by system and work)."""
    told: Figure = {}
    figures: dict[tuple[str, str], Figure] = {}
    for line in lines:
        _, system, *work = str(line["bench"]).split(".")
        if system == "machine":
            told = line
        else:
            figures[system, ".".join(work)] = line
    if not told or not figures:
        raise BenchFailed("a run without a machine or without figures makes no page")
    return told, figures


def page(told: Figure, figures: Figures) -> str:
    systems = [s for s in TITLES if any(s == one for one, _ in figures)]
    notes: list[str] = []
    calls = ["call.http.1", "call.http.32", "call.ws.1", "call.ws.32", "ask.1", "ask.32"]
    parts = [
        HEAD.format(command=told["command"]),
        f"{told['machine']}; client and server on the same machine; {told['python']}. Before and after the run others "
        f"used up to {number(told['others'])} of its cores.\n\n{told['versions']}.\n",
        "## Calls\n\nCalls a second; below, milliseconds of the median and of the 99th of a hundred.\n",
        table(systems, calls, figures, notes),
        "## Fan-out, wake, schedules\n",
        table(systems, ["fan", "wake", "schedules"], figures, notes),
        "".join(f"{i}. {note}.\n" for i, note in enumerate(notes, 1)),
        "![Every figure of this page as bars](benchmarks.svg)\n",
        "## Is a call durable when it is acknowledged?\n",
        "| system | durable when acknowledged |\n|---|---|\n"
        + "".join(f"| {TITLES[s]} | {DURABLE[s]} |\n" for s in systems),
        "## What Roost aims at\n",
        aims(figures),
        "## Where a peer is ahead\n",
        ahead(figures),
    ]
    return "\n".join(part for part in parts if part)


def table(systems: Sequence[str], works: Sequence[str], figures: Figures, notes: list[str]) -> str:
    rows = ["| | " + " | ".join(WORKS[w] for w in works) + " |", "|---|" + "---|" * len(works)]
    for system in systems:
        cells = [cell(figures.get((system, work)), notes) for work in works]
        rows.append(f"| {TITLES[system]} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def cell(line: Figure | None, notes: list[str]) -> str:
    """A figure as the table shows it; a feature that is missing has a note."""
    if line is None:
        return "not run"
    if (reason := line.get("absent")) is not None:
        return f"none {note(str(reason), notes)}"
    if (reason := line.get("failed")) is not None:
        return f"not taken {note(' '.join(str(reason).split()), notes)}"
    p50, p99 = number(line["p50_ms"]), number(line["p99_ms"])
    work = str(line["bench"]).split(".", 2)[2]
    if line["unit"] == "1/s":
        return f"**{number(line['value'])}**/s<br>{p50} / {p99} ms"
    if work == "wake":
        return f"**{p50}** / {p99} ms<br>awake {number(line['warm_ms'])} ms"
    if work == "schedules":
        few = note(f"{line['count']:,} instead of 10,000: {line['why']}", notes) if "why" in line else ""
        early = float(line["first_ms"]) < 0
        span = f"{'**early by ' + number(-float(line['first_ms'])) + ' ms**' if early else 'never early'}"
        return f"**{number(line['value'])}** ms {few}<br>{p50} / {p99} ms late, {span}"
    return f"**{p50}** / {p99} ms"


def note(text: str, notes: list[str]) -> str:
    if text not in notes:
        notes.append(text)
    return f"({notes.index(text) + 1})"


def number(value: float | str) -> str:
    """Three digits that mean something."""
    value = float(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def aims(figures: Figures) -> str:
    def value(system: str, work: str, what: str = "value") -> float | None:
        found = figures.get((system, work), {}).get(what)
        return None if found is None else float(found)

    def ratio(a: float | None, b: float | None) -> float | None:
        return a / b if a is not None and b else None

    http = ratio(value("local", "call.http.32"), value("restate", "call.http.32"))
    sockets = ratio(value("local", "call.ws.32"), value("agents", "call.ws.32"))
    fan, done = value("local", "fan", "p99_ms"), value("local", "schedules")
    first = value("local", "schedules", "first_ms")
    told = [
        ("HTTP calls at 32 connections, times Restate's", "at least 8", http, http is not None and http >= 8, "x"),
        ("WebSocket calls at 32, times the Agents SDK's", "at least 3", sockets, (sockets or 0) >= 3, "x"),
        ("one broadcast to 1,000 sockets, 99 of 100", "under 50 ms", fan, fan is not None and fan < 50, " ms"),
        ("10,000 schedules due at once, all durable", "within 2,000 ms", done, done is not None and done < 2000, " ms"),
        ("the earliest of them, after its time", "at least 0 ms", first, first is not None and first >= 0, " ms"),
    ]
    rows = ["| Roost, local | aim | this run | |", "|---|---|---|---|"]
    for what, aim, found, met, unit in told:
        shown = "not run" if found is None else f"{number(found)}{unit}"
        rows.append(f"| {what} | {aim} | {shown} | {'met' if met else 'missed'} |")
    return "\n".join(rows) + "\n"


def ahead(figures: Figures) -> str:
    """Every figure in which another system beats Roost's own on the same ground, and why."""
    lines: list[str] = []
    for ours in ("local", "workerd", "lambda"):
        for work, name in WORKS.items():
            mine = figures.get((ours, work), {})
            if "value" not in mine:
                continue
            higher = mine["unit"] == "1/s"
            better = [
                f"{TITLES[s]} ({number(line['value'])}{'/s' if higher else ' ms'})"
                for (s, w), line in figures.items()
                if w == work and s in DURABLE and not TITLES[s].startswith("Roost") and "value" in line
                and line.get("count") == mine.get("count") and (float(line["value"]) > float(mine["value"])) == higher
                and line["value"] != mine["value"]
            ]  # fmt: skip
            if better:
                why = AHEAD.get((ours, work)) or AHEAD[ours, ""]
                own = f"{number(mine['value'])}{'/s' if higher else ' ms'}"
                lines.append(f"- **{TITLES[ours]}, {name}** ({own}): behind {', '.join(better)}. {why}\n")
    return "".join(lines) or "Nowhere in this run.\n"
