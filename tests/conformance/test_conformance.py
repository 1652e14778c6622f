"""The whole catalogue, both modes, zero failed: on each backend, and under the rules of Lambda on this machine."""

from __future__ import annotations

import re

import pytest

from roost.hosting.platform import find
from roost_conformance.case import CASES, catalogue
from roost_conformance.run import run

pytestmark = pytest.mark.anyio
SEMANTICS = set(range(1, 39)) - {12} | {41, 42, 46}
"""Rule 12 (a newer schema) needs two versions of the code: tests/core has it."""


BOTH = (False, True)


@pytest.mark.parametrize(
    ("backend", "modes"),
    [
        ("memory", BOTH),
        ("local", BOTH),
        ("cloudflare", (False,)),
        ("lambda", (False,)),
        pytest.param("cloudflare", (True,), marks=pytest.mark.long),
        pytest.param("lambda", (True,), marks=pytest.mark.long),
        pytest.param("emulated-lambda", BOTH, marks=pytest.mark.long),
    ],
)
async def test_every_case_passes(backend: str, modes: tuple[bool, ...]) -> None:
    failures: list[str] = []

    def say(line: str) -> None:
        if not line.startswith("ok"):
            failures.append(line)

    harness = find(backend).harness()
    report = await run(harness, modes=modes, say=say)
    if report.failed:
        pytest.fail("\n".join([harness.log, *failures]))
    assert report.passed == len(modes) * len(catalogue())


@pytest.mark.long
@pytest.mark.parametrize("backend", ["cloudflare", "lambda"])
async def test_chat_agents_think_there(backend: str) -> None:
    """Their cases for real, where the suite's own app takes no models along."""
    failures: list[str] = []
    harness = find(backend).harness()
    report = await run(harness, only="chat*", say=lambda line: None if line.startswith("ok") else failures.append(line))
    if report.failed:
        pytest.fail("\n".join([harness.log, *failures]))
    assert report.passed == 2 * sum(case.rule == "chat" for case in catalogue())


def test_every_rule_has_its_cases() -> None:
    assert len(catalogue()) >= 80
    rules = {int(case.rule) for case in CASES.values() if case.rule.isdigit()}
    assert SEMANTICS - rules == set()
    assert {"http", "ws"} <= {case.rule for case in CASES.values()}
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in CASES)
