"""The names that apps, templates and third parties' backends import: they stay, wherever the code behind them lives."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "roost": "Agent action App Address Caller Cron Every KV Limits Response Retry RoostError resource",
    "roost.errors": "AgentError Conflict Fenced LimitExceeded NotFound NotSupported Quarantined Rejected RoostError "
    "TransientError Unknown from_problem problem",
    "roost.platform": "Bundle Emulator Platform Project Serving emulator find names quiet",
    "roost.ports": "Alarms Capabilities Courier Fetch Host Leases Ports Store Wire",
    "roost.memory": "MemoryStore",
    "roost.testing": "Faults Peer World world",
    "roost.testing.app": "app",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_stay(module: str) -> None:
    found = importlib.import_module(module)
    missing = [name for name in PUBLIC[module].split() if not hasattr(found, name)]
    assert not missing


def test_the_deployed_name_of_the_suite_is_the_suite() -> None:
    assert importlib.import_module("roost.testing.app").app is importlib.import_module("roost_conformance.app").app
