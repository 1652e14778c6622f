"""A trigger whose agent another host holds: parked, rung for, and waited for until it is answered (rule 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json

from ...contract.errors import RoostError, TransientError, Unreadable
from ...contract.result import TickResult, failed
from ...contract.trigger import ADMIN
from ..guest_codec import PATIENCE, answered, pack
from ..room import room
from .parked_frames import ParkedFrames, connection

if TYPE_CHECKING:
    from ...contract.commit import Letter
    from ..mailbox import Waiting
    from .tenure import Tenure

POLL: Final = (0.02, 1.0)
"""Seconds between looks for an answer: the first, and the most; each is about a quarter of the wait so far."""
LOOK: Final = 5.0
"""Seconds between the looks of a waiting host, once the holder's lease should have ended."""
LATE: Final = 1.5
"""Seconds after a deadline until a parked trigger is taken back: by then its tick, if it ran, has committed."""


def run_as_guest(tenure: Tenure, waiting: Waiting) -> None:
    """Have a trigger run where its agent is; it is answered in the background."""
    trigger, host = waiting.trigger, tenure.runtime.host
    tenure.guests += 1
    began = host.monotonic()
    deadline = trigger.deadline if trigger.deadline is not None else began + PATIENCE
    letter = None
    if trigger.kind not in ADMIN:
        letter = pack(trigger, f"{host.entropy():016x}{host.entropy():016x}", deadline - began, host.now())
    host.spawn(_insist(tenure, waiting, deadline) if letter is None else _parked(tenure, waiting, letter, deadline))


async def _insist(tenure: Tenure, waiting: Waiting, deadline: float) -> None:
    """The rare trigger that can't be parked tries again in a while."""
    host = tenure.runtime.host
    try:
        await tenure.insist()
        await host.sleep(0.05 + host.entropy() % 100 / 1000)
        if host.monotonic() >= deadline:
            tenure.refuse(waiting, TransientError("another host works on this agent", code="busy"))
        else:
            tenure.mailbox.put(waiting)
            tenure.kick()
    finally:
        tenure.guests -= 1
        tenure.rested()


async def _parked(tenure: Tenure, waiting: Waiting, letter: Letter, deadline: float) -> None:
    """Park a trigger and wait for what it comes to."""
    cid = connection(waiting.trigger)
    line = tenure.lines.setdefault(cid, ParkedFrames()) if cid else ParkedFrames()
    before, mine = line.last, tenure.runtime.host.future()
    line.last = mine
    line.left += 1
    try:
        try:
            if before is not None:
                await tenure.runtime.host.shielded(before)
            kept, until = await tenure.leases.post(
                tenure.address, letter, room(letter, tenure.runtime.limits.mailbox, named=tenure.runtime.named), None
            )
        except RoostError as error:
            tenure.refuse(waiting, error)
            return
        finally:
            mine.set_result(None)
        held = min(max(0.0, until - tenure.runtime.host.now()), PATIENCE)  # the clock may be set: a lease is short
        result = await _wait(tenure, kept.n, tenure.runtime.host.monotonic() + held, deadline)
        if result is None:
            tenure.refuse(waiting, TransientError("its turn did not come before its deadline", code="deadline"))
            return
        if waiting.live is not None:
            _pour(waiting, result, kept.id)
        if (
            kept.forwarded != letter.forwarded
        ):  # it joined a letter of its key: the release replies to that one's sender
            tenure.reply(waiting, result)
        tenure.finish(waiting, result)
    finally:
        line.left -= 1
        if not line.left:
            tenure.lines.pop(cid, None)
        tenure.guests -= 1
        tenure.rested()


def _pour(waiting: Waiting, result: TickResult, id: str) -> None:
    """Whoever ran it gathered its chunks into the result: they go out as the stream that was asked for."""
    if result.error is None and waiting.live is not None and waiting.action is not None and waiting.action.streams:
        for i, chunk in enumerate(from_json(result.value) or ()):
            waiting.live(f"{id}.1-answered.{i}".encode(), to_json(chunk))
        result.value = b"null"


async def _wait(tenure: Tenure, n: int, until: float, deadline: float) -> TickResult | None:
    """The answer to the guest `n`; None = it was taken back. `until`: when the holder's lease ends; both monotonic."""
    host, leases = tenure.runtime.host, tenure.leases
    pause, longest = POLL
    while True:
        if host.monotonic() >= until:  # the lease has ended, or its holder is dead
            tenure.away = 0.0
            tenure.alarm()
            until = host.monotonic() + LOOK
        await host.sleep(pause * (0.75 + host.entropy() % 512 / 1024))
        pause = min(longest, pause * 1.3)
        try:
            raw = await leases.answered(tenure.address, n)
            if raw is None and host.monotonic() >= deadline + LATE:
                if await leases.withdraw(tenure.address, n):
                    return None
                raw = await leases.answered(tenure.address, n)
                if raw is None:
                    return None
        except RoostError as error:
            if host.monotonic() >= deadline + LATE:
                return failed(error)
            continue
        if raw is not None:
            try:
                return answered(raw)
            except Exception as error:  # whatever stored bytes can raise
                return failed(Unreadable(f"the trigger was carried out, but its answer can't be read: {error}"))
