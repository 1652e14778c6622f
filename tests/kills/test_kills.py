"""Hosts are killed at random moments under load, and nothing acknowledged is lost or happens twice."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from roost.hosting.platform import find
from roost_client import Client
from roost_conformance.harness import Harness

from .check import Violation, check
from .load import AGENTS, Ledger, Operation
from .run import run
from .torn import SECTOR, Torn, TornHarness, Write, compile_journal, entries, tear

pytestmark = pytest.mark.anyio
SEED = 20261128
FEW = 4
"""Clients at once: on Lambda each takes processes of its own, which are killed and start again."""


def note(line: str) -> None:
    """Shown when a test fails."""
    print(line)


async def test_local(tmp_path: Path) -> None:
    """The process is killed, and half of the time the power goes with it."""
    print(f"seed {SEED}")
    tally = await run(find("local").harness(), 10, SEED, note)
    torn = TornHarness(compile_journal(tmp_path), tmp_path / "journal", SEED)
    more = await run(torn, 10, SEED, note)
    assert tally.kills + more.kills >= 20 and tally.acknowledged and more.acknowledged
    assert torn.torn.noted, "the journal saw no write"  # how much of it is at risk at a kill is the kill's luck


@pytest.mark.parametrize("backend", ["cloudflare", "lambda"])
async def test_platform(backend: str) -> None:
    """workerd as a whole; on Lambda some execution environments, or all."""
    print(f"seed {SEED}")
    tally = await run(find(backend).harness(), 10, SEED, note, workers=FEW, jobs=5)
    assert tally.kills >= 10 and tally.acknowledged and tally.jobs
    assert (0 < tally.partly < tally.kills) == (backend == "lambda")


@pytest.fixture
async def memory() -> Harness:
    return find("memory").harness()


async def test_the_check_can_fail(memory: Harness) -> None:
    """What was promised and not done, done twice, and done without being asked for is each found."""
    await memory.start(restless=False)
    try:
        async with Client(memory.url, token=memory.admin_token) as client:
            ledger = Ledger("doctored")
            handle = client.agent("player", ledger.key(0))
            await handle.call("play", [["add", "once", 1], ["record", "op", "once"]])
            told = Operation("once", 0, [], [(0, "once")], fate="acknowledged")
            ledger.operations = [told]
            await check(client, ledger)
            ledger.operations = [told, Operation("never", 0, [], [(0, "never")], fate="acknowledged")]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("tests.kills.check.PATIENCE", 0.2)
                with pytest.raises(Violation, match=r"acknowledged and not there: \['never'\]"):
                    await check(client, ledger)
                half = Operation("half", 0, [], [(0, "once"), (1, "halft")])
                ledger.operations = [told, half]
                with pytest.raises(Violation, match="applied in part"):
                    await check(client, ledger)
            ledger.operations = [Operation("other", 0, [], [(0, "other")])]
            with pytest.raises(Violation, match=r"nobody asked for \['once'\]"):
                await check(client, ledger)
            await handle.call("play", [["add", "once", 1]])
            ledger.operations = [told]
            with pytest.raises(Violation, match=r"more than once: \{'once': 2\}"):
                await check(client, ledger)
            for name, laps, what in (
                ("back", ("0", "1", "0"), "a recorded step of the job back ran again"),
                ("dear", ("0", "paid", "paid"), "runs once at most ran twice"),
            ):
                ledger = Ledger(name)
                for lap in laps:
                    await client.agent("ledger", ledger.laps).call("write", f"{name} {lap}")
                with pytest.raises(Violation, match=what):
                    await check(client, ledger)
    finally:
        await memory.stop()


def test_only_what_was_never_synced_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "file"
    kept = bytes([1]) * (4 * SECTOR)
    for seed in range(50):
        path.write_bytes(kept + bytes([2]) * (4 * SECTOR))
        write = Write(3 * SECTOR + 100, 5 * SECTOR - 100, kept[3 * SECTOR + 100 :], 4 * SECTOR)
        tear(path, [write], Random(seed), Torn())
        now = path.read_bytes()
        assert now[: 3 * SECTOR + 100] == kept[: 3 * SECTOR + 100] and 4 * SECTOR <= len(now) <= 8 * SECTOR


def test_a_record_cut_short_is_no_record() -> None:
    assert list(entries(b"W" + bytes(10))) == []
    assert AGENTS > 1
