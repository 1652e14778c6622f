"""The published comparison is what the bench makes of its own lines, and the page tells a miss from a success."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.bench.figure import BenchFailed
from tests.bench.peers import page
from tests.bench.peers.systems import SYSTEMS
from tests.bench.peers.words import AHEAD, DURABLE, TITLES, WORKS

MACHINE: dict[str, Any] = {
    "bench": "peers.machine", "machine": "one", "python": "CPython", "versions": "x 1", "command": "x", "others": 0,
}  # fmt: skip


def rate(system: str, work: str, value: float) -> dict[str, Any]:
    return {"bench": f"peers.{system}.{work}", "value": value, "unit": "1/s", "p50_ms": 1.5, "p99_ms": 120.0}


def made(*lines: dict[str, Any]) -> str:
    return page.pages([MACHINE, *lines])[page.DOCS / "benchmarks.md"]


def aims(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(("| met |", "| missed |"))]


def test_the_published_page_is_made_of_the_published_lines() -> None:
    for path, content in page.pages(page.kept()).items():
        assert Path(path).read_text() == content, f"{path.name} was changed by hand: scripts/bench peers --publish"


def test_every_system_and_work_has_its_words() -> None:
    assert set(SYSTEMS) <= set(TITLES) == set(DURABLE)
    assert {work for _, work in AHEAD} <= {*WORKS, ""}


def test_an_aim_is_met_or_missed_by_the_figures() -> None:
    met = made(rate("local", "call.http.32", 800), rate("restate", "call.http.32", 100))
    missed = made(rate("local", "call.http.32", 799), rate("restate", "call.http.32", 100))
    assert "8.00x | met |" in aims(met)[0] and "7.99x | missed |" in aims(missed)[0]
    assert "not run | missed |" in aims(met)[2]


def test_a_schedule_that_ran_early_is_said() -> None:
    line = {
        "bench": "peers.agents.schedules", "value": 900.0, "unit": "ms", "p50_ms": 3.0, "p99_ms": 9.0, "first_ms": -2.5,
        "last_ms": 10.0, "count": 10_000,
    }  # fmt: skip
    assert "early by 2.50 ms" in made(line)
    assert "never early" in made({**line, "first_ms": 0.0})


def test_a_peer_that_is_ahead_is_named_with_the_reason() -> None:
    text = made(rate("local", "call.http.1", 100), rate("agents", "call.http.1", 200), rate("dbos", "call.http.1", 9))
    told = text.partition("## Where a peer is ahead")[2]
    assert TITLES["agents"] in told and TITLES["dbos"] not in told and AHEAD["local", "call.http.1"] in told
    slow = {"bench": "peers.local.fan", "value": 9.0, "unit": "ms", "p50_ms": 9.0, "p99_ms": 20.0}
    fast = {**slow, "bench": "peers.javascript.fan", "value": 4.0}
    assert TITLES["javascript"] in made(slow, fast).partition("## Where a peer is ahead")[2]
    assert TITLES["javascript"] not in made({**slow, "value": 3.0}, fast).partition("## Where a peer is ahead")[2]


def test_a_missing_feature_shows_its_reason_once() -> None:
    lines = [{"bench": f"peers.{s}.fan", "absent": "has no sockets"} for s in ("restate", "dbos")]
    assert made(*lines).count("has no sockets") == 1


def test_the_plot_is_well_formed_and_its_bars_are_to_scale() -> None:
    lines = [MACHINE, rate("local", "call.http.32", 1000), rate("agents", "call.http.32", 250)]
    plot = page.pages(lines)[page.DOCS / "benchmarks.svg"]
    bars = [float(x.attrib["width"]) for x in ElementTree.fromstring(plot).iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert bars[0] == pytest.approx(4 * bars[1], rel=0.01)


def test_lines_without_figures_make_no_page() -> None:
    with pytest.raises(BenchFailed):
        page.pages([MACHINE])
