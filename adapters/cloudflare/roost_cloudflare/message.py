"""What objects say to each other over RPC: one JSON text there, one back. Not reachable from outside."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from roost.contract.address import Address
from roost.contract.caller import document, from_document
from roost.contract.commit import Envelope
from roost.contract.errors import RoostError, from_problem
from roost.contract.result import problem_bytes
from roost.contract.trigger import Call, Trigger


def envelope_out(x: Envelope) -> str:
    doc = {
        "do": "deliver", "id": x.id, "to": x.to, "action": x.action, "args": x.args.decode(), "sender": x.sender,
        "generation": x.generation, "lane": x.lane, "internal": x.internal,
    }  # fmt: skip
    return to_json(doc).decode()


def envelope_in(doc: dict[str, Any]) -> Envelope:
    return Envelope(
        doc["id"], Address(*doc["to"]), doc["action"], doc["args"].encode(), Address(*doc["sender"]),
        doc["generation"], doc["lane"], doc["internal"],
    )  # fmt: skip


def ask_out(address: Address, trigger: Trigger, now: float) -> str:
    """`now`: of `Host.monotonic`, as is the trigger's deadline. Objects share no clock: it leaves as seconds left."""
    call = trigger.payload
    assert isinstance(call, Call)
    doc = {
        "do": "ask", "to": address, "action": call.action, "args": call.args, "kwargs": dict(call.kwargs),
        "id": trigger.id, "source": trigger.source, "lane": trigger.lane, "path": trigger.path,
        "left": None if trigger.deadline is None else max(0.0, trigger.deadline - now),
        "caller": document(trigger.caller),
    }  # fmt: skip
    return to_json(doc).decode()


def ask_in(doc: dict[str, Any], now: float) -> tuple[Address, Trigger]:
    caller = from_document(doc["caller"])
    call = Call(doc["action"], tuple(doc["args"]), doc["kwargs"])
    left: float | None = doc.get("left")  # an object of an older version says no such thing
    deadline = None if left is None else now + left
    return Address(*doc["to"]), Trigger(
        "call", call, doc["id"], doc["source"], caller, doc["lane"], deadline, tuple(doc["path"])
    )


def value_out(value: bytes) -> str:
    """An answer: `+` and the value's JSON."""
    return "+" + value.decode()


def error_out(error: RoostError) -> str:
    """An answer: `-` and the problem document."""
    return "-" + problem_bytes(error).decode()


def answer_in(text: str) -> bytes:
    """The value; raises the error."""
    if text[:1] != "+":
        raise from_problem(from_json(text[1:]))
    return text[1:].encode()
