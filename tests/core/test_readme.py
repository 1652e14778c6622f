"""The README tells the truth: its code runs, its cases exist, its paths are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from roost_conformance.case import catalogue

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def test_its_agent_passes_its_test() -> None:
    namespace: dict[str, Any] = {"__name__": "readme"}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), namespace)
    tests = [name for name in namespace if name.startswith("test_")]
    assert tests == ["test_the_bell_rings", "test_the_bell_rings_whatever_fails"]
    for name in tests:
        await namespace[name]()


def test_its_test_has_eight_lines() -> None:
    block = next(b for b in BLOCKS if "world(app" in b)
    assert len([line for line in block.splitlines() if line.strip() and "import" not in line]) == 7


def test_every_guarantee_names_a_case_that_exists() -> None:
    rows = re.findall(r"^\| .* \| .* \| .* \| (.*) \|$", README, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)}
    assert len(named) >= 10
    assert named <= {case.name for case in catalogue()}


def test_the_paths_it_shows_are_there() -> None:
    paths = set(re.findall(r"(?:core|adapters|scripts|tests|examples|docs)/[\w./-]*\w", README)) - {
        "docs/performance.md"
    }
    assert len(paths) > 8
    assert not [path for path in paths if not (ROOT / path).exists()]
