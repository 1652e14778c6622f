"""Views: the committed state as clients see it, made by the author's `view()` over a snapshot.

A view is made before a commit that changes the state, and a failure refuses the tick: what can't be shown is not
stored. After a commit, and for whoever connects or reads, a failure costs the view alone: an `AgentError` with an id,
which the log has once a commit.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, cast

from ..author.agent import AgentServices
from ..contract.encoding import STORED_DEPTH, checked, encode
from ..contract.errors import AgentError, RoostError
from ..contract.result import hidden
from ..protocol import frames
from ..tick.glimpse import Glimpse, closed_to_views
from .due import load_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import LoggerAdapter

    import httpx

    from ..author.agent import Agent
    from ..author.effects import Effects
    from ..author.kind import Kind
    from ..contract.address import Address
    from ..contract.commit import Row, Snapshot
    from .shared import Shared


class Onlooker(AgentServices[Any]):
    """What a view reaches beyond its snapshot: the log."""

    def logger(self, tick: Any) -> LoggerAdapter[Any]:
        extra = {"agent": str(tick.address), "trigger": None, "kind": "view"}
        return logging.LoggerAdapter(logging.getLogger(f"roost.agent.{tick.address.kind}"), extra)

    def http(self, tick: Any) -> httpx.AsyncClient:
        raise closed_to_views("http")

    def asker(self, tick: Any) -> Any:
        raise closed_to_views("agent")


ONLOOKER = Onlooker()


def view_of(runtime: Shared, kind: Kind, found: Snapshot) -> bytes:
    """The view of a snapshot. AgentError: it failed, and the log has it."""
    return made(runtime, kind, found.address, found.at, found.connections, found.state, found.state_version)


def made(
    runtime: Shared, kind: Kind, address: Address, at: float, rows: Iterable[Row], raw: bytes | None, version: int
) -> bytes:
    """The view as JSON, in the shape of today's model, whoever stored the state. AgentError: the log has it."""
    state = load_state(kind, raw, version)
    try:
        if not kind.own_view:
            return checked(kind.to_bytes(state), "the state", STORED_DEPTH)
        agent: Agent[Any, Any] = object.__new__(kind.cls)
        agent.state = state
        agent.config = runtime.config_of(kind)
        agent._tick = cast("Effects", Glimpse(address, at, rows))  # pyright: ignore[reportPrivateUsage]
        agent._roost = ONLOOKER  # pyright: ignore[reportPrivateUsage]
        data = agent.view()
        if inspect.iscoroutine(data):
            data.close()
            raise AgentError("view() returned a coroutine: it can't wait for anything", code="bad-view")
        return encode(data, "the view")
    except BaseException as error:  # nothing waits in here: whatever it is, it is the author's
        raise failure(runtime, address, error) from error


def failure(runtime: Shared, address: Address, error: BaseException) -> AgentError:
    """What callers are told of a view that failed; the log gets it all."""
    id = f"{runtime.host.entropy():016x}"
    runtime.log.error("%s view failed [%s]", address, id, exc_info=error)
    if isinstance(error, RoostError):
        return AgentError(error.message, code=error.code, id=id)
    return hidden(error, id)


def state_or_trouble(view: Callable[[], bytes]) -> bytes:
    """The state as a connection is shown it; where its view fails, the frame that says so."""
    try:
        return frames.state(view())
    except AgentError as error:
        return frames.bad_frame(error)


def state_frame(view: Callable[[], bytes]) -> tuple[bytes, str]:
    """The state as a connection is shown it, and its digest; where its view fails, the frame that says so, and ""."""
    try:
        found = view()
    except AgentError as error:
        return frames.bad_frame(error), ""
    return frames.state(found), frames.digest(found)
