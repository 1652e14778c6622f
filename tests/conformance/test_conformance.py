"""The whole catalogue, both modes, zero failed: on each backend, and under the rules of Lambda on this machine."""

from __future__ import annotations

import re

import pytest

from roost.platform import find
from roost.testing.case import CASES, catalogue
from roost.testing.run import run

pytestmark = pytest.mark.anyio
SEMANTICS = set(range(1, 32)) - {12}
"""Rule 12 (a newer schema) needs two versions of the code: tests/core has it."""


@pytest.mark.parametrize("backend", ["memory", "local", "emulated-lambda", "cloudflare", "lambda"])
async def test_every_case_passes(backend: str) -> None:
    failures: list[str] = []

    def say(line: str) -> None:
        if not line.startswith("ok"):
            failures.append(line)

    harness = find(backend).harness()
    report = await run(harness, say=say)
    assert not report.failed, "\n".join([*failures, harness.log])
    assert report.passed == 2 * len(catalogue())


def test_every_rule_has_its_cases() -> None:
    assert len(catalogue()) >= 80
    rules = {int(case.rule) for case in CASES.values() if case.rule.isdigit()}
    assert SEMANTICS - rules == set()
    assert {"http", "ws"} <= {case.rule for case in CASES.values()}
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in CASES)
