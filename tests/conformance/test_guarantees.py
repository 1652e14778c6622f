"""The table of guarantees says what the kept summaries say, and a run that failed would show."""

from __future__ import annotations

import pytest

from roost_conformance.case import CASES, catalogue
from roost_conformance.guarantees import GUARANTEES

from .table import ROOT, summaries, table, written

PAGE = (ROOT / "docs" / "guarantees.md").read_text()


def test_the_page_is_what_the_summaries_say() -> None:
    found = summaries()
    assert [s.backend for s in found][:1] == ["local"] and len(found) >= 2
    assert written(PAGE, found) == PAGE, "run scripts/guarantees"


def test_summaries_are_of_whole_runs_of_this_catalogue() -> None:
    known = {case.name for case in catalogue()}
    for one in summaries():
        assert not one.failed and not one.absent and not one.needs_harness, one.backend
        assert set(one.passed) <= known, "a case was renamed: run scripts/guarantees with this backend"
        assert one.modes == ["resident", "hibernating"], one.backend
        assert all(one.verdict(g) == "kept" for g in GUARANTEES), one.backend


def test_a_broken_promise_is_bold() -> None:
    assert CASES
    first, *_ = summaries()
    broken = first.model_copy(update={"failed": [GUARANTEES[0].cases[0]], "passed": first.passed[1:]})
    rows = table([broken]).splitlines()
    assert "| **broken** |" in rows[2] and "| yes |" in rows[4]
    unseen = first.model_copy(update={"passed": []})
    assert all("| **not shown** |" in row for row in table([unseen]).splitlines()[2 : 2 + len(GUARANTEES)])
    with pytest.raises(ValueError, match="no lines"):
        written("# nothing", summaries())
