"""How a connection begins, on every backend: what it is sent first, and the trigger that the agent hears of it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.caller import source_of
from ..contract.trigger import Connect, Trigger
from ..engine.viewing import state_frame
from ..protocol import frames
from .admission import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..author.kind import Kind
    from ..contract.address import Address
    from ..contract.trigger import Caller


def greeting(address: Address, kind: Kind, view: Callable[[], bytes]) -> tuple[list[bytes], str]:
    """(text frames in order: identity, state, MCP; digest of the state for `Connect.seen`, "" if none was shown).
    `view`: of the committed state, as JSON; a stateless kind's is not asked for."""
    if not kind.stateful:
        return [frames.identity(address, False), frames.NO_MCP], ""
    state, seen = state_frame(view)
    return [frames.identity(address, bool(seen)), state, frames.NO_MCP], seen


def connected(
    cid: str, label: str, at: float, query: Mapping[str, str], seen: str, caller: Caller | None,
    client: str | None, deadline: float | None = None,
) -> Trigger:  # fmt: skip
    """The trigger that runs `on_connect`. `at`: epoch seconds; `query`: the handshake's; `client`: as
    `Connect.client`; `deadline`: monotonic."""
    payload = Connect(cid, label, at, without_secrets(query), seen, client)
    return Trigger("connect", payload, None, source_of(caller), caller, deadline=deadline)
