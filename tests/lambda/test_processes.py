"""Processes that share one table: the sum is exact, every acknowledged result distinct."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roost.contract.address import Address
from roost_lambda.client import Client

from .emulator import ministack
from .hosts import Fleet, increment

pytestmark = [pytest.mark.anyio, pytest.mark.long]
PROCESSES = 4
CALLS = 500
"""Of each process, by 16 callers at a time: 64 in all."""
AGENTS = 8
ROOT = Path(__file__).parents[2]


async def test_two_thousand_increments(dynamo: tuple[str, Client]) -> None:
    name, client = dynamo
    acknowledged = await asyncio.to_thread(run, name)
    fleet = Fleet(name, client)
    total = 0
    for key, results in acknowledged.items():
        count = (await fleet.host().dispatch(Address("counter", key), increment(None, "get"))).get()
        assert sorted(results) == list(range(1, count + 1)), key
        total += count
    await fleet.stop()
    assert total == PROCESSES * CALLS and len(acknowledged) == AGENTS


def run(name: str) -> dict[str, list[int]]:
    """Acknowledged results by agent."""
    path = os.pathsep.join(str(ROOT / p) for p in ("", "core", "adapters/lambda"))
    work = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.lambda.worker", name, ministack(), f"p{i}", str(CALLS), "16", str(AGENTS)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path},
        )
        for i in range(PROCESSES)
    ]  # fmt: skip
    lines = [line for process in work for line in process.communicate(timeout=300)[0].splitlines()]
    assert [process.returncode for process in work] == [0] * PROCESSES
    acknowledged: dict[str, list[int]] = {}
    for line in lines:
        key, result = line.split()
        acknowledged.setdefault(key, []).append(int(result))
    return acknowledged
