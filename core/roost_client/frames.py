"""Frames of a connection: what this client sends and what it is sent. Text in, objects out; no I/O.

Every frame carries the client's `seq` (1, 2, ... per socket) when the connection is numbered, so that the
server can keep their order on every backend. A user's message is then wrapped as `roost_message`, so that it
arrives unchanged; unnumbered, it is sent bare. A call may carry `kwargs` and an idempotency `key`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from roost.contract.errors import Rejected, RoostError, from_problem

from .faults import code_of, lost
from .wire import encode

TERMINAL = 4000
"""Close codes from here to 4999, and 1008, are the server's decision: the client does not come back."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame ready to send: JSON text of an object, which can be numbered, or bare text or bytes."""

    body: str | bytes
    numbered: bool

    def payload(self, seq: int) -> str | bytes:
        """What goes on the wire as frame number `seq`."""
        if not self.numbered:
            return self.body
        return f'{cast(str, self.body)[:-1]},"seq":{seq}}}'


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at the other end: the agent's key (`name`) and kind (`agent`)."""

    name: str
    agent: str
    state_follows: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The agent's state as clients see it."""

    state: Any


@dataclass(frozen=True, slots=True)
class Ack:
    """State frame number `seq` of ours is committed; `error` says that it was refused instead."""

    seq: int | None
    error: RoostError | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or one chunk of it (`done` is False), to the call `id`."""

    id: str
    value: Any
    done: bool
    error: RoostError | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """The server runs the streaming call `id` anew: its chunks so far are void."""

    id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server closes this connection, or should have, with this code and for this reason."""

    code: int
    error: RoostError


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the agent's author: parsed JSON, else text, else bytes."""

    data: Any


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame of the protocol this client has no use for (the list of MCP servers)."""


Inbound = Identity | State | Ack | Reply | Reset | Refusal | Message | Ignored


def call_frame(
    id: str, action: str, args: Sequence[Any], kwargs: Mapping[str, Any], key: str | None, *, numbered: bool
) -> Outgoing:
    """A call of an action."""
    frame: dict[str, Any] = {"type": "rpc", "id": id, "method": action, "args": list(args)}
    if kwargs:
        frame["kwargs"] = dict(kwargs)
    if key is not None:
        frame["key"] = key
    return Outgoing(encode(frame), numbered)


def state_frame(state: Any, *, numbered: bool) -> Outgoing:
    """A replacement of the agent's state."""
    return Outgoing(encode({"type": "cf_agent_state", "state": state}), numbered)


def message_frame(data: Any, *, numbered: bool) -> Outgoing:
    """A message to the agent's `on_message`."""
    if isinstance(data, (bytes, bytearray)):
        if not numbered:
            return Outgoing(bytes(data), False)
        return Outgoing(encode({"type": "roost_message", "base64": base64.b64encode(data).decode()}), True)
    if not numbered:
        return Outgoing(data if isinstance(data, str) else encode(data), False)
    return Outgoing(encode({"type": "roost_message", "data": data}), True)


def parse(raw: str | bytes) -> Inbound:
    """The frame `raw` holds. What is not of the protocol, or only nearly so, is the author's message."""
    if isinstance(raw, bytes):
        return Message(raw)
    try:
        frame = json.loads(raw)
    except ValueError:
        return Message(raw)
    if not isinstance(frame, dict):
        return Message(frame)
    return _parse(cast("dict[str, Any]", frame))


def _parse(frame: dict[str, Any]) -> Inbound:
    match frame:
        case {"type": "cf_agent_identity", "name": str(name), "agent": str(agent)}:
            return Identity(name, agent, frame.get("stateFollows") is True)
        case {"type": "cf_agent_state", "state": state}:
            return State(state)
        case {"type": "cf_agent_state_error"}:
            seq = frame.get("seq")
            return Ack(seq if isinstance(seq, int) else None, _refused(frame), frame)
        case {"type": "roost_ack", "seq": int(seq)}:
            return Ack(seq)
        case {"type": "rpc", "id": str(id), "success": True}:
            return Reply(id, frame.get("result"), frame.get("done") is not False)
        case {"type": "rpc", "id": str(id), "success": False}:
            return Reply(id, None, True, _problem(frame))
        case {"type": "roost_stream_reset", "id": str(id)}:
            return Reset(id)
        case {"type": "roost_message", "base64": str(data)}:
            return Message(base64.b64decode(data))
        case {"type": "roost_close", "code": int(code)}:
            return Refusal(code, _closing(frame, code))
        case {"type": "cf_agent_mcp_servers"}:
            return Ignored()
        case {"message": "Internal server error", "connectionId": str(), "requestId": str()} if len(frame) == 3:
            # API Gateway's own: the function died with a frame of ours. The socket stays; which frame is not said.
            return Refusal(1012, lost("the server died while it ran a frame of this connection"))
        case _:
            return Message(frame)


def _problem(frame: Mapping[str, Any]) -> RoostError:
    """The error of an RPC frame. Its `id` is the call's; the one for the log is `error_id`."""
    doc = {**frame, "id": frame.get("error_id")}
    return from_problem(doc)


def _refused(frame: Mapping[str, Any]) -> RoostError:
    if "code" in frame:
        return _problem(frame)
    return Rejected(str(frame.get("error") or "State update rejected"), code="state-rejected")


def _closing(frame: Mapping[str, Any], code: int) -> RoostError:
    """`code` of this frame is the close code, so the problem document is a member of its own."""
    found = frame.get("problem")
    if isinstance(found, dict):
        return from_problem(cast("dict[str, Any]", found))
    if TERMINAL + 400 <= code < TERMINAL + 600:
        status = code - TERMINAL
    else:  # 1012 service restart, 1013 try again later
        status = 503 if code in {1012, 1013} else 403
    return from_problem({**frame, "id": None, "code": code_of(status), "status": status})
