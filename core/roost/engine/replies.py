"""The answers of a result to whoever asked over a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.commit import Frame
from ..contract.trigger import Call, Message, SetState
from ..protocol import frames

if TYPE_CHECKING:
    from ..contract.result import TickResult
    from .mailbox import Waiting


def reply_frames(waiting: Waiting, result: TickResult, out: list[Frame]) -> None:
    """The RPC replies to whoever asked over a connection, and the refusals of client states."""
    _reply(waiting, result, out)
    if waiting.followers:
        for one in waiting.followers:
            _reply(one, result, out)


def _reply(one: Waiting, result: TickResult, out: list[Frame]) -> None:
    payload = one.trigger.payload
    if isinstance(payload, Call):
        if payload.cid is None or payload.rpc is None:
            return
        if result.error is None:
            out.append(Frame((payload.cid,), frames.result(payload.rpc, result.value)))
        else:
            out.append(Frame((payload.cid,), frames.failure(payload.rpc, result.error)))
    elif isinstance(payload, SetState):
        if result.error is not None:
            out.append(Frame((payload.cid,), frames.state_error(result.error, payload.seq)))
        elif payload.seq is not None:
            out.append(Frame((payload.cid,), frames.ack(payload.seq)))
    elif isinstance(payload, Message) and result.error is not None:
        out.append(Frame((payload.cid,), frames.bad_frame(result.error)))
