"""The object's store keeps every promise of the port inside workerd, and bodies of jobs replay there."""

from __future__ import annotations

import asyncio

from roost_cloudflare.port_suite import run
from roost_conformance.bodies.case import BODY_CASES
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES


def test_ports() -> None:
    found = asyncio.run(run())
    assert found.keys() == PORT_CASES.keys() | JOURNAL_CASES.keys() | BODY_CASES.keys()
    assert {name: trace for name, trace in found.items() if trace is not None} == {}
