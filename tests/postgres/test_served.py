"""`roost serve --store postgres://...`: real processes over a real PostgreSQL, killed and stopped."""

from __future__ import annotations

import asyncio
import signal

import pytest

from roost_client import Client
from roost_conformance.case import catalogue
from roost_conformance.run import run
from roost_postgres.harness import PostgresHarness

pytestmark = pytest.mark.anyio
SOME = "tell*"
"""Cases that every run tries; the long one tries all."""


async def tried(harness: PostgresHarness, modes: tuple[bool, ...], only: str) -> int:
    """How many passed."""
    failures: list[str] = []

    def say(line: str) -> None:
        if not line.startswith("ok"):
            failures.append(line)

    report = await run(harness, modes=modes, only=only, say=say)
    if report.failed:
        pytest.fail("\n".join(failures))
    return report.passed


async def test_some_cases_pass() -> None:
    assert await tried(PostgresHarness(), (False,), SOME) > 3


@pytest.mark.long
@pytest.mark.parametrize(("version", "modes"), [(18, (False, True)), (16, (False,))])
async def test_every_case_passes(version: int, modes: tuple[bool, ...]) -> None:
    assert await tried(PostgresHarness(version=version), modes, "*") == len(modes) * len(catalogue())


@pytest.mark.long
async def test_a_second_worker_is_refused_and_a_paused_one_that_was_replaced_ends() -> None:
    """SIGSTOP past the end of its row: another takes over, and who wakes up serves nothing more, and says why."""
    async with asyncio.timeout(120):
        first = PostgresHarness()
        await first.start(restless=False)
        second = PostgresHarness()
        second.dsn = first.dsn
        try:
            async with Client(first.url, token=first.admin_token, timeout=30) as client:
                assert await client.agent("once", "a").call("add", 1) == 1
            with pytest.raises(AssertionError, match="ended before it listened"):
                await second.up()
            first.process.send_signal(signal.SIGSTOP)
            await second.up()
            first.process.send_signal(signal.SIGCONT)
            async with Client(second.url, token=second.admin_token, timeout=30) as client:
                assert await client.agent("once", "a").call("add", 1) == 2
            assert await first.process.wait() > 0, "it found that another lives"
            await second.stop()
        finally:
            for one in (first, second):
                if one.process.returncode is None:
                    await one.down()
            await first.stop()
