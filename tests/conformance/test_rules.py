"""The contract, its cases and its citations agree; the check sees it when they don't."""

from __future__ import annotations

import pytest

from . import rules
from .rules import CONTRACT, Rule, check, numbers


def test_every_rule_has_a_case_and_every_citation_a_rule() -> None:
    contract = rules.rules(CONTRACT.read_text())
    found = [int(name) for name in contract if name.isdigit()]
    assert found == sorted({*range(1, 39), *found})
    assert check(contract) == []


def test_what_does_not_agree_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "sources", lambda: iter([("a.py", "# rules 1, 2 and 98 to 99\n# semantics 4\n")]))
    contract = rules.rules(CONTRACT.read_text())
    contract["77"] = Rule("Nobody proves this")
    del contract["19"]
    said = "\n".join(check(contract))
    for part in ("cites rule 98", "cites rule 99", "a.py:2: say `rule N`", "no case proves rule 77", "proves rule 19"):
        assert part in said
    assert contract["1"].files == contract["2"].files == ["a.py"]


def test_numbers() -> None:
    assert numbers("8, 22 and 25 to 27") == {8, 22, 25, 26, 27}
