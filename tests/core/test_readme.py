"""The README tells the truth beyond its code, which tests/docs runs: its paths are there, its promises have cases."""

from __future__ import annotations

import re
from pathlib import Path

from roost_conformance.case import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()


def test_its_agent_is_short() -> None:
    """What somebody decides by who has a minute: one agent, two commands, three to deploy; then two for a clone."""
    blocks = re.findall(r"```(\w+)[^\n]*\n(.*?)```", README, re.DOTALL)
    [agent] = [code for language, code in blocks if language == "python"]
    assert len([line for line in agent.splitlines() if line.strip()]) <= 25
    shells = [[line for line in code.splitlines() if line.strip()] for language, code in blocks if language == "bash"]
    assert [len(lines) for lines in shells] == [2, 2, 3, 3, 2]
    assert len(README.splitlines()) < 120


def test_every_guarantee_names_a_case_that_exists() -> None:
    rows = re.findall(r"^\| .* \| .* \| .* \| (.*) \|$", GUARANTEES, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)}
    assert len(named) >= 10
    assert named <= {case.name for case in catalogue()}
