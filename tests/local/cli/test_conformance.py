"""`roost conformance URL`: what it says of a deployment, of one that is none, and of what it could not see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roost.ports import Capabilities
from roost_conformance.case import CASES, catalogue
from roost_conformance.guarantees import GUARANTEES, RULES
from roost_conformance.page import page
from roost_conformance.report import Document, document, text
from roost_conformance.run import Outcome, Report

from .program import Running, here, write_app

APP = "roost.testing.app:app"
ONLY = "*repeated-key*"
CRASHING = "crash-after-the-reply-loses-nothing"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("suite")
    with Running("serve", APP, "--port", "0", cwd=folder, ROOST_ADMIN_TOKEN="operator-of-this-test-0123") as server:
        yield server.url


def test_reports_what_it_saw_and_what_it_could_not(tmp_path: Path, url: str) -> None:
    files = [f"--{kind}=report.{kind}" for kind in ("json", "html", "text")]
    for only, passed, unable in ((ONLY, 3, 0), (CRASHING, 0, 1)):
        done = here("conformance", url, "--token", "operator-of-this-test-0123", "--only", only, *files, cwd=tmp_path)
        last = done.stdout.splitlines()[-1]
        assert last.startswith(f"{passed} passed, 0 failed"), done.stdout + done.stderr
        assert ("not run: 1 that need a harness" in last) == bool(unable)
        assert "cases not chosen" in last and "the mode hibernating not run" in last
        assert done.returncode == (0 if passed else 1), "a run in which nothing passed proves nothing"
        found = Document.model_validate_json((tmp_path / "report.json").read_bytes())
        assert (found.backend, found.deployment, found.modes) == ("local", url, ["resident"])
        assert (found.count("passed"), found.count("needs a harness")) == (passed, unable)
        names = [case.name for case in found.cases]
        for kind in ("html", "text"):
            written = (tmp_path / f"report.{kind}").read_text()
            assert url in written and all(name in written for name in names)
        assert not re.search(r'(src|href)="(?!#|http://127)', (tmp_path / "report.html").read_text())


def test_says_what_to_deploy(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path, ROOST_ADMIN_TOKEN="operator-of-this-test-0123") as server:
        done = here("conformance", server.url, "--token", "operator-of-this-test-0123", cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "it has the kinds counter, and lacks " in done.stderr
        for how in (f"roost serve {APP}", f"roost bundle cloudflare {APP}", f"roost bundle lambda {APP}"):
            assert how in done.stderr
    done = here("conformance", "http://127.0.0.1:1", "--token", "operator-of-this-test-0123", cwd=tmp_path)
    assert done.returncode == 3 and "nothing answers at http://127.0.0.1:1" in done.stderr


def test_attacks_on_any_app(tmp_path: Path) -> None:
    write_app(tmp_path)
    files = [f"--{kind}=report.{kind}" for kind in ("json", "html", "text", "summary")]
    with Running("serve", "--port", "0", cwd=tmp_path, ROOST_ADMIN_TOKEN="operator-of-this-test-0123") as server:
        done = here("conformance", server.url, "--security", "--only", "*foreign*", *files, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        wrong = here("conformance", server.url, "--security", "--only", "no-such", cwd=tmp_path)
        assert wrong.returncode == 2 and "no attack is called no-such" in wrong.stderr
    found = Document.model_validate_json((tmp_path / "report.json").read_bytes())
    assert (found.format, found.backend, found.count("failed")) == ("roost-security", "local", 0)
    assert {case.rule for case in found.cases} == {"S4", "S15", "held"} and found.count("passed") >= 5
    assert json.loads((tmp_path / "report.summary").read_text())["absent"] == []
    for kind in ("html", "text"):
        written = (tmp_path / f"report.{kind}").read_text()
        assert "Roost security: local" in written and "foreign-hosts-are-refused" in written
        assert "Guarantees" not in written
    done = here("conformance", "http://127.0.0.1:1", "--security", cwd=tmp_path)
    assert done.returncode == 3 and "nothing answers" in done.stderr


def test_wrong_token_and_wrong_names(tmp_path: Path, url: str) -> None:
    done = here("conformance", url, "--token", "other", cwd=tmp_path)
    assert done.returncode == 2 and "takes another admin token" in done.stderr
    done = here("conformance", url, "--token", "operator-of-this-test-0123", "--only", "no-such-case", cwd=tmp_path)
    assert done.returncode == 2 and "no case is called no-such-case" in done.stderr


def reported(traces: dict[str, str | None], unable: tuple[str, ...] = ()) -> Document:
    catalogue()
    report = Report(
        [Outcome(CASES[name], "resident", 0.25, trace) for name, trace in traces.items()],
        [(CASES[name], "resident") for name in unable],
    )
    return document(
        report, deployment="<b>here</b>", version="9.9", capabilities=Capabilities("elsewhere"), modes=[False]
    )


def test_a_failure_is_shown_everywhere() -> None:
    good, bad = GUARANTEES[0], GUARANTEES[2]
    traces: dict[str, str | None] = dict.fromkeys([*good.cases, *bad.cases])
    traces[bad.cases[0]] = "AssertionError: <twice>"
    found = reported(traces, unable=(CRASHING,))
    summary = found.summary()
    assert (summary.verdict(good), summary.verdict(bad), summary.verdict(GUARANTEES[1])) == (
        "kept", "broken", "not shown",
    )  # fmt: skip
    assert summary.failed == [bad.cases[0]] and summary.needs_harness == [CRASHING]
    assert len(summary.absent) == len(CASES) - len(traces) - 1
    assert "1 failed" in text(found) and "| AssertionError: <twice>" in text(found)
    shown = page(found)
    assert "AssertionError: &lt;twice&gt;" in shown and "&lt;b&gt;here" in shown and "<b>here" not in shown
    assert shown.count(">broken<") == 1 and shown.count(">kept<") == 1
    again: Any = json.loads(found.model_dump_json())
    assert Document.model_validate(again) == found


def test_every_rule_and_guarantee_is_known() -> None:
    assert {case.rule for case in catalogue()} <= RULES.keys()
    assert {name for one in GUARANTEES for name in one.cases} <= CASES.keys()
