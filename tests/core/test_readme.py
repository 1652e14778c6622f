"""The README tells the truth: its code runs, its cases exist, its paths are there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from roost_cli.main import parser
from roost_conformance.case import catalogue

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_its_agent_passes_its_tests_under_plain_pytest(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("\n".join(BLOCKS))
    (tmp_path / "pyproject.toml").write_text('[tool.roost]\napp = "main:app"\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "roost.testing.plugin", "-p", "no:anyio", "main.py"], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "core")}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    count = sum(block.count("\nasync def test_") + block.startswith("async def test_") for block in BLOCKS)
    assert count == 3 and f"{count} passed" in done.stdout, done.stdout + done.stderr


def test_its_commands_can_be_given() -> None:
    """Each line of an indented block is a command that exists, with arguments that it takes."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    shell = re.findall(r"(?:^|\n)\n((?:    \S.*\n)+)", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    lines = [line.strip() for block in shell for line in block.splitlines()]
    lines = [line for line in lines if not line.startswith(("core/", "adapters/", "tests/"))]  # the folders
    assert len(lines) > 10
    for line in lines:
        words = shlex.split(line, comments=True)
        match words:
            case ["roost" | ".venv/bin/roost", *rest]:
                parser().parse_args(rest)
            case ["pip", "install", *names]:
                assert all(m and m[1] in extras for m in (re.fullmatch(r"roost\[(\w+)\]", n) for n in names)), line
            case [program, *_]:
                ours = program.startswith("scripts/") and (ROOT / program).exists()
                assert ours or program in {"curl", "cd", "wrangler", "sam"}, line
            case _:
                raise AssertionError(line)


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
