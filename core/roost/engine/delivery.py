"""Envelopes on their way: handed to the courier one after the other, so that tells to one agent keep their order.

An envelope costs at most its own receiver's line. One that could not be delivered waits aside with all that follow it
to the same receiver, in order, while those to others go on. One that is refused for good becomes a dead letter of its
sender (rule 15), and what follows it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from ..contract.commit import AlreadyHandled, Envelope, Handled
from ..contract.errors import AgentError, RoostError, Unknown, Unreadable
from ..contract.result import outcome_of, problem_bytes
from ..contract.unsent import grave, refused_for_good
from .outcome import happened

if TYPE_CHECKING:
    from ..tick.image import Image
    from .cell import Cell

KEEP: Final = 7 * 24 * 3600.0
"""Seconds for which a burial is remembered: longer than any redelivery goes on."""
SHORTEST: Final = 0.01
"""Seconds; a timer that comes a rounding error early must not be set for no time at all."""
LONGEST: Final = 30.0
"""Seconds between two attempts to reach a receiver, at most."""


def deliver(cell: Cell, envelopes: Iterable[Envelope]) -> None:
    """Have them carried, after those that are under way."""
    out = cell.outgoing
    for envelope in envelopes:
        if out.add(envelope):
            cell.flight.add(envelope.id)
    _start(cell)


def redeliver(cell: Cell, image: Image) -> None:
    """After a load: all that the outbox holds and that is not under way."""
    cell.outgoing.left.clear()
    fresh = [e for e in image.outbox.values() if e.id not in cell.flight]
    if fresh:
        deliver(cell, fresh)


def _start(cell: Cell) -> None:
    out = cell.outgoing
    if (out.line or out.aside) and not out.carrying:
        out.carrying = True
        cell.runtime.host.spawn(_carry(cell))


async def _carry(cell: Cell) -> None:
    runtime, out = cell.runtime, cell.outgoing
    host = runtime.host
    if out.timer is not None:
        out.timer.cancel()
        out.timer = None
    try:
        while (envelope := out.take(host.monotonic())) is not None:
            error = await _hand_over(cell, envelope)
            if error is not None and not refused_for_good(error):
                _not_yet(cell, envelope, error)
                continue
            if error is not None:
                runtime.log.warning("%s: %s is refused for good: %s", cell.address, envelope.id, error.message)
                cell.refused.append((envelope, error))
            out.reached(envelope.to)
            cell.settled.append(envelope.id)
            if not (out.line or out.aside) or len(cell.settled) >= 64:
                cell.kick()
    finally:
        out.carrying = False
    if cell.settled:
        cell.kick()
    if out.aside:
        pause = min(x.until for x in out.aside.values()) - host.monotonic()
        out.timer = host.call_later(max(SHORTEST, pause), partial(_start, cell))


async def _hand_over(cell: Cell, envelope: Envelope) -> RoostError | None:
    """Why it was not delivered."""
    try:
        await cell.runtime.courier.deliver(envelope)
    except RoostError as error:
        return error
    except (ValueError, TypeError, KeyError) as error:
        return Unreadable(f"what is stored of a tell to {envelope.to} can't be read: {type(error).__name__}: {error}")
    except Exception as error:  # a defect of the courier: it must not end the line
        cell.runtime.log.exception("%s: %s", cell.address, envelope.id)
        return AgentError(f"{type(error).__name__}: {error}", code="courier")
    return None


def _not_yet(cell: Cell, envelope: Envelope, error: RoostError) -> None:
    out, host = cell.outgoing, cell.runtime.host
    cell.runtime.log.warning("%s: %s not delivered yet: %s", cell.address, envelope.id, error.message)
    aside = out.put_aside(envelope)
    aside.until = host.monotonic() + min(LONGEST, 0.05 * 2 ** min(aside.failures, 16))
    if cell.undelivered(aside.failures):
        cell.flight.difference_update([x.id for x in out.give_up(envelope.to)])
        cell.kick()


async def bury(cell: Cell, image: Image) -> None:
    """What was refused for good: each a dead letter, once, before it leaves the outbox. RoostError: not yet."""
    refused, cell.refused = cell.refused, []
    store = cell.runtime.store
    for envelope, error in refused:
        if envelope.id not in image.outbox:
            continue
        at = max(cell.runtime.host.now(), image.at)
        commit = image.next_commit(at)
        commit.dead = (grave(envelope, error, at),)
        commit.handled = Handled(
            "agent", str(cell.address), envelope.id, b"", outcome_of(error), problem_bytes(error), at + KEEP
        )
        image.plan(commit, cell.parking.promised())
        try:
            if isinstance(await store.commit(commit), AlreadyHandled):
                continue  # buried before; its outbox row outlived its host
        except Unknown:
            if not await happened(store, commit):
                raise
        image.apply(commit)
        cell.metrics.failed(error, at)
