"""The backend on AWS: hosts that share one table, each awake for the length of one invocation.

A function is frozen after its response, so nothing is left to the background: every method returns when all that
its work caused (frames, envelopes, alarms) is done, or durably owed: a row in the table with a doorbell on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from roost.address import Address
from roost.app import App
from roost.ports import Capabilities, Fetch, Host, Wire
from roost.result import TickResult
from roost.runtime import Runtime
from roost.trigger import Trigger

from .ports import Bells
from .store import DynamoStore

LAMBDA = Capabilities(
    "lambda", frame_order=False, http_stream=False, connect_path=False, close_code=False, sse_window=0.0,
    idle_timeout=600.0, max_connection=7200.0,
)  # fmt: skip


class LambdaBackend:
    """One a process; safe to use from many tasks of one loop.

    The HTTP `Surface` works over `runtime`: its `dispatch` and `tell` return only when nothing is left undone.
    """

    runtime: Runtime
    store: DynamoStore

    def __init__(
        self,
        app: App,
        store: DynamoStore,
        wire: Wire,
        bells: Bells,
        fetch: Fetch,
        host: Host,
        *,
        capabilities: Capabilities = LAMBDA,
        config: Mapping[str, BaseModel] | None = None,
    ) -> None:
        raise NotImplementedError

    async def dispatch(
        self, address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
    ) -> TickResult:
        """Run one trigger to its durable end. When another host has the agent, that one runs it and this waits.

        `trigger.deadline` should be the invocation's own end minus a second; None = 27 s from now.
        """
        raise NotImplementedError

    async def drain(self, address: Address, until: float) -> None:
        """A doorbell: run what is parked and due. Stops at `until` (epoch seconds), ringing for what is left.

        TransientError: let the queue deliver the message again.
        """
        raise NotImplementedError

    async def wake(self, address: Address, until: float) -> None:
        """A schedule's time has come, or may have. Never early: an early wake arms again."""
        raise NotImplementedError

    async def relay(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Deliver envelopes whose sender may have died: `NewImage`s of the stream, of items whose SK starts with `O#`.

        Indices of the rows that must come again. What was delivered meanwhile costs one read.
        """
        raise NotImplementedError

    async def sweep(self, until: float) -> int:
        """Ring for every agent whose time passed a minute ago: its wake was lost. How many. Call it each minute."""
        raise NotImplementedError

    # Connections: the store's rows conn#cid ----------------------------------------------------------

    async def greeting(self, address: Address) -> tuple[list[bytes], str]:
        """Identity, state and MCP frames from the committed snapshot, and the digest for `Connect.seen`."""
        raise NotImplementedError

    async def bind(self, cid: str, address: Address, expires: float, data: bytes = b"") -> None:
        """Remember which agent a connection belongs to, with the codec's own data (label, query, caller)."""
        raise NotImplementedError

    async def bound(self, cid: str) -> tuple[Address, bytes] | None:
        """Whose connection this is; None = unknown or expired."""
        raise NotImplementedError

    async def unbind(self, cid: str) -> None:
        """The connection is gone. Dispatch the `disconnect` trigger first."""
        raise NotImplementedError
