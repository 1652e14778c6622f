"""The plot of a run: one panel a kind of work, one bar a system. Plain SVG, no library: rectangles and text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

from .words import TITLES

Figures = Mapping[tuple[str, str], dict[str, float | str]]
PANEL: Final = {
    "call.http.32": ("value", "HTTP calls a second, 32 connections", True),
    "call.ws.32": ("value", "WebSocket calls a second, 32 in flight", True),
    "call.http.1": ("value", "HTTP calls a second, 1 connection", True),
    "ask.32": ("value", "asks a second, 32 connections", True),
    "fan": ("p99_ms", "fan-out to 1,000 sockets: ms, 99 of 100", False),
    "wake": ("p50_ms", "wake: ms, median", False),
    "schedules": ("value", "10,000 schedules due at once: ms until all ran", False),
    "ask.1": ("value", "asks a second, 1 connection", True),
}
"""What each panel shows: a member of the line, its heading, whether more is better."""
WIDTH, COLUMN, LABEL, BAR, GAP, TOP = 1080, 540, 220, 16, 6, 34
OURS, THEIRS, INK, FAINT = "#1f6f5c", "#a9b4bd", "#1c2730", "#6b7780"


def draw(figures: Figures) -> str:
    """The SVG."""
    systems = [s for s in TITLES if any(s == one for one, _ in figures)]
    height = TOP + len(systems) * (BAR + GAP) + 18
    works = [w for w in PANEL if any(w == one for _, one in figures)]
    rows = (len(works) + 1) // 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {rows * height + 10}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{rows * height + 10}" fill="#ffffff"/>',
    ]
    for at, work in enumerate(works):
        out.append(f'<g transform="translate({at % 2 * COLUMN + 8},{at // 2 * height + 6})">')
        out += panel(work, systems, figures)
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])


def panel(work: str, systems: list[str], figures: Figures) -> list[str]:
    """Bars of one kind of work, all to one scale from zero."""
    member, heading, more = PANEL[work]
    found = {s: line for s in systems if (line := figures.get((s, work))) is not None and member in line}
    most = max((float(line[member]) for line in found.values()), default=1.0) or 1.0
    room = COLUMN - LABEL - 90
    better = "more is better" if more else "less is better"
    out = [
        f'<text x="0" y="14" font-weight="600">{escape(heading)}</text>'
        f'<text x="{COLUMN - 30}" y="14" text-anchor="end" fill="{FAINT}" font-size="11">{better}</text>'
    ]
    for i, system in enumerate(systems):
        y = TOP - 8 + i * (BAR + GAP)
        ours = TITLES[system].startswith("Roost")
        weight = ' font-weight="600"' if ours else ""
        out.append(f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end"{weight}>{escape(TITLES[system])}</text>')
        if (line := found.get(system)) is None:
            said = "none, see the notes" if "absent" in figures.get((system, work), {}) else "not run"
            out.append(f'<text x="{LABEL}" y="{y + 12}" fill="{FAINT}" font-size="11">{said}</text>')
            continue
        value = float(line[member])
        wide = max(1.0, value / most * room)
        few = f" ({line['count']:,} only)" if "why" in line else ""
        out.append(
            f'<rect x="{LABEL}" y="{y}" width="{wide:.1f}" height="{BAR}" rx="2" fill="{OURS if ours else THEIRS}"/>'
            f'<text x="{LABEL + wide + 5:.1f}" y="{y + 12}">{shown(value)}{few}</text>'
        )
    return out


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
