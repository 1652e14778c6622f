"""What must be true after a host was killed and came back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from roost.contract.errors import RoostError
from roost_client import Client

from .load import AGENTS, Ledger, Operation, send

PATIENCE: Final = 60.0
"""Seconds within which what must come has come; a bound on failure, not a measurement."""


class Violation(AssertionError):
    """Something that was acknowledged is not there, is there twice, or was never asked for."""


async def settle(client: Client, ledger: Ledger) -> int:
    """Send again, with their keys, the operations of which nobody knows; how many that were."""
    lost = [one for one in ledger.operations if one.fate == "unknown" and one.keyed]
    gate = asyncio.Semaphore(16)

    async def again(one: Operation) -> None:
        handle = client.agent("player", ledger.key(one.agent))
        async with gate:
            await until(ledger, lambda: _sent(handle, one), f"{one.id} is refused for ever")
        one.fate = "acknowledged"

    await asyncio.gather(*(again(one) for one in lost))
    return len(lost)


async def _sent(handle: Any, one: Operation) -> bool:
    try:
        await send(handle, one)
    except RoostError as error:
        if error.status not in {429, 500, 503} and error.code not in {"connection-lost", "unreachable", "timeout"}:
            raise Violation(f"{one.id}, sent again with its key, is refused: {error!r}") from error
        return False
    return True


async def until(ledger: Ledger, probe: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    edge, pause = time.monotonic() + PATIENCE + ledger.sweep, 0.05
    while not await probe():
        if time.monotonic() > edge:
            raise Violation(otherwise)
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 1.5)  # a probe is work for the host that is to recover


async def check(client: Client, ledger: Ledger) -> None:
    """Every acknowledged effect is there once, every unknown one at most once, logs are dense. Violation."""
    wanted: list[set[str]] = [set() for _ in range(AGENTS)]
    allowed: list[set[str]] = [set() for _ in range(AGENTS)]
    for one in ledger.operations:
        for agent, name in one.effects:
            (wanted if one.fate == "acknowledged" else allowed)[agent].add(name)
    for number in range(AGENTS):
        await _agent(client, ledger, number, wanted[number], allowed[number])
    await _whole(client, ledger)
    await _laps(client, ledger)


async def _laps(client: Client, ledger: Ledger) -> None:
    """A recorded step of a job never ran again: its laps are in order. What may run once at most did."""
    try:
        lines: list[str] = (await client.agent("ledger", ledger.laps).state())["lines"]
    except RoostError as error:
        if error.code != "no-agent":
            raise
        return
    ran: dict[str, list[str]] = {}
    for line in lines:
        name, _, lap = line.partition(" ")
        ran.setdefault(name, []).append(lap)
    for name, laps in ran.items():  # "0" to "2", then "paid"
        if laps != sorted(laps):
            raise Violation(f"a recorded step of the job {name} ran again: {laps}")
        if laps.count("paid") > 1:
            raise Violation(f"a step of the job {name} that runs once at most ran twice: {laps}")


async def _agent(client: Client, ledger: Ledger, number: int, wanted: set[str], allowed: set[str]) -> None:
    handle = client.agent("player", ledger.key(number))
    missing = set(wanted)

    async def there() -> bool:
        missing.clear()
        missing.update(wanted - (await _totals(client, ledger, number)).keys())
        return not missing

    if not wanted and not allowed:
        return
    try:
        await until(ledger, there, "")
    except Violation:
        raise Violation(f"{handle.address}: acknowledged and not there: {sorted(missing)[:10]}") from None
    state = await _state(client, ledger, number)
    if state is None:
        return
    totals: dict[str, int] = state["totals"]
    twice = {name: n for name, n in totals.items() if n != 1 and name not in {"connected", "left"}}
    if twice:
        raise Violation(f"{handle.address}: applied more than once: {twice}")
    strange = totals.keys() - wanted - allowed - {"connected", "left"}
    if strange:
        raise Violation(f"{handle.address}: nobody asked for {sorted(strange)[:10]}")
    if state["early"]:
        raise Violation(f"{handle.address}: early: {state['early']}")
    if letters := await handle.dead_letters():
        raise Violation(f"{handle.address}: dead letters: {letters[:3]}")
    events = [event async for event in handle.events(follow=False)]
    numbers = [event.seq for event in events]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False:
        raise Violation(f"{handle.address}: the log has holes: {numbers}")
    ids = [event.data for event in events if not event.kind.startswith("job-")]
    if len(ids) != len(set(ids)):
        raise Violation(f"{handle.address}: entries of one operation twice in the log")
    missing.update(id for id in ids if id not in totals)
    if missing:
        raise Violation(f"{handle.address}: in the log and not in the state: {sorted(missing)[:10]}")


async def _totals(client: Client, ledger: Ledger, number: int) -> dict[str, int]:
    state = await _state(client, ledger, number)
    totals: dict[str, int] = {} if state is None else state["totals"]
    return totals


async def _state(client: Client, ledger: Ledger, number: int) -> Any:
    """None: there is no such agent."""
    try:
        return await client.agent("player", ledger.key(number)).state()
    except RoostError as error:
        if error.code == "no-agent":
            return None
        raise


async def _whole(client: Client, ledger: Ledger) -> None:
    """An unknown operation is there whole or not at all, what it told and scheduled included."""
    for one in ledger.operations:
        if one.fate == "acknowledged" or len(one.effects) < 2:
            continue

        async def whole(one: Operation = one) -> bool:
            seen = [name in await _totals(client, ledger, agent) for agent, name in one.effects]
            return all(seen) or not any(seen) or (one.effects[1][1].endswith("q") and seen[1])

        await until(ledger, whole, f"{one.id} was applied in part: {one.effects}")
