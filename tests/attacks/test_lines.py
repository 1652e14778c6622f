"""The table of docs/security.md: every line has what shows it, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from roost_conformance.case import catalogue as cases
from roost_conformance.security.attack import catalogue as attacks

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = (ROOT / "docs" / "security.md").read_text().partition("## What was tried")[2]
ROWS: Final = dict(re.findall(r"^\| (S\d+|quotas|tenants|egress|proxies|held) \|.*\| ([^|]+) \|$", TABLE, re.MULTILINE))


def test_every_line_is_there() -> None:
    assert list(ROWS) == [*(f"S{n}" for n in range(1, 17)), "quotas", "tenants", "egress", "proxies", "held"]


@pytest.mark.parametrize("line", ROWS)
def test_what_a_line_names_exists(line: str) -> None:
    known = {f"case:{case.name}" for case in cases()} | {f"security:{attack.name}" for attack in attacks()}
    for name in ROWS[line].split(", "):
        path, mark, test = name.partition("::")
        if mark:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE), name
        else:
            assert name in known, name


def test_every_attack_stands_at_its_line() -> None:
    for attack in attacks():
        assert f"security:{attack.name}" in ROWS[attack.line].split(", "), attack.name
