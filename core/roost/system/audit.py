"""What operators did, and what was refused to whoever tried: the event log of one agent, on every backend.

`asked` is written before it is done, so that nothing is done that is not in the log; `done` says how it ended. Both
have the same `id`. `refused`: a wrong token, or a role that does not reach; of many in a row some stand for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..author.action import action
from ..author.agent import Agent
from ..contract.address import Address
from ..contract.caller import APP
from ..contract.trigger import Call, Trigger
from .names import AUDIT

if TYPE_CHECKING:
    from .names import Asks

LOG: Final = Address(AUDIT, "log")
PATIENCE: Final = 10.0


class Audit(Agent):
    kind = "roost-audit"

    @action(by="app")
    async def note(self, kind: str, entry: dict[str, Any]) -> None:
        self.record(kind, entry)


Audit.kind = Audit._kind.name = AUDIT  # pyright: ignore[reportPrivateUsage]


async def note(runtime: Asks, kind: str, entry: dict[str, Any]) -> None:
    """Write it down; durable when this returns. TransientError: it could not be."""
    trigger = Trigger(
        "call", Call("note", (kind, entry)), None, "app", APP, deadline=runtime.host.monotonic() + PATIENCE
    )
    await runtime.courier.ask(LOG, trigger)
