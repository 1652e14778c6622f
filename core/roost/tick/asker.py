"""Asks from inside a tick: agent to agent, awaited (rule 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from ..author.remote import RemoteAction, typed
from ..contract.errors import Rejected, TransientError
from ..contract.trigger import Call, Caller, Trigger

if TYPE_CHECKING:
    from ..ports import Courier, Host
    from .tick import Tick

MARGIN: float = 0.5
"""Seconds an ask leaves to the tick that waits for it."""


class Busy(Protocol):
    """An agent that takes no other trigger while its tick waits: it is told for whom."""

    def asking(self, to: str) -> None: ...
    def asked(self, to: str) -> None: ...


class TickAsker:
    """Carries out the asks of one tick; numbers them, so that a re-run finds the stored answers."""

    __slots__ = ("busy", "courier", "host", "tick")

    def __init__(self, tick: Tick, host: Host, courier: Courier, busy: Busy | None) -> None:
        """`busy`: the agent while this tick runs; None: it takes other triggers meanwhile."""
        self.busy = busy
        self.tick = tick
        self.host = host
        self.courier = courier

    def stream(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        raise target.unread()

    async def ask(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tick = self.tick
        tick.reader()  # refuses an ask after the tick's end
        to, me = str(target.address), str(tick.address)
        if to == me or to in tick.path:
            chain = " -> ".join((*tick.path, me, to))
            raise Rejected(
                f"{chain}: {to} waits for this very answer; tell it instead of asking", code="ask-cycle", status=409
            )
        if len(tick.path) + 1 >= tick.limits.max_path:
            raise Rejected(
                f"asks are nested {len(tick.path) + 1} deep, which is the limit", code="ask-depth", status=409
            )
        tick.asks += 1
        trigger_id = target.idempotency_key
        if trigger_id is None and (scoped := tick.trigger.scoped) is not None:
            trigger_id = f"{me}/{tick.image.generation}/{scoped}/{tick.asks}"
        now = self.host.monotonic()
        deadline = tick.deadline - MARGIN
        if target.timeout is not None:
            deadline = min(deadline, now + target.timeout)
        if deadline <= now:
            raise _timeout(to, target)
        _, copy = target.action.pack(args, kwargs, f"{to}.{target.action.name}", tick.limits.arguments)
        trigger = Trigger(
            "call", Call(target.action.name, tuple(copy["args"]), copy["kwargs"]), trigger_id, "agent",
            Caller(me, source="agent"),
            deadline=deadline, path=(*tick.path, me),
        )  # fmt: skip
        timeout = self.host.timeout(deadline - now)
        if self.busy is not None:
            self.busy.asking(to)
        try:
            async with timeout:
                value = await self.courier.ask(target.address, trigger)
        except TimeoutError:
            if timeout.expired():
                raise _timeout(to, target) from None
            raise
        except TransientError as error:
            late = self.host.monotonic() >= deadline - 0.05
            if error.code == "deadline" and late:  # both ends keep the same deadline
                raise _timeout(to, target) from None
            raise
        finally:
            if self.busy is not None:
                self.busy.asked(to)
        return typed(target, value)


def _timeout(to: str, target: RemoteAction) -> TransientError:
    return TransientError(f"{to}.{target.action.name} did not answer in time", code="ask-timeout")
