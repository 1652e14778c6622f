"""The client protocol's frames as bytes: npm `agents` 0.21 and 0.32, wire "cf-websocket", tier 1.

Results and states are JSON already, so frames are spliced, not encoded again. Fields that the JavaScript
client ignores (`code`, `status`, `retry_after` of an error) are for ours.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import Any, Final

from pydantic_core import from_json, to_json

from ..contract.address import Address
from ..contract.encoding import DEPTH, encode
from ..contract.errors import RETRYABLE, RoostError, problem
from ..contract.result import problem_bytes

_STATE: Final = b'{"type":"cf_agent_state","state":'
_RPC: Final = b'{"type":"rpc","id":'
_RESULT: Final = b',"success":true,"done":true,"result":'
_CHUNK: Final = b',"success":true,"done":false,"result":'
NO_MCP: Final = b'{"type":"cf_agent_mcp_servers","mcp":{"servers":{},"tools":[],"prompts":[],"resources":[]}}'
"""Roost agents have no MCP servers; the client still waits to hear so."""
READONLY_TEXT: Final = "Connection is readonly"
REJECTED_TEXT: Final = "State update rejected"


def state(view: bytes) -> bytes:
    """The state as clients see it."""
    return _STATE + view + b"}"


def digest(view: bytes) -> str:
    """Tells one view from another."""
    return blake2b(view, digest_size=8).hexdigest()


def identity(address: Address, state_follows: bool) -> bytes:
    """The first frame of a connection. `stateFollows` only when it does (absent before 0.32)."""
    doc: dict[str, Any] = {"type": "cf_agent_identity", "name": address.key, "agent": address.kind}
    if state_follows:
        doc["stateFollows"] = True
    return to_json(doc)


def result(rpc: str, value: bytes) -> bytes:
    """The end of a call that went well."""
    return _RPC + quoted(rpc) + _RESULT + value + b"}"


def chunk(rpc: str, value: bytes) -> bytes:
    """One chunk of a stream, live."""
    return _RPC + quoted(rpc) + _CHUNK + value + b"}"


def failure(rpc: str, error: RoostError) -> bytes:
    """The end of a call that failed: `error` text for the JavaScript client, the problem's members for ours."""
    doc = _problem(error)
    return to_json({**doc, "type": "rpc", "id": rpc, "success": False, "error": error.message}, inf_nan_mode="null")


def state_error(error: RoostError, seq: int | None) -> bytes:
    """A client's state was not taken. The JavaScript client's text is fixed; details are members of our own."""
    doc = _problem(error)
    if seq is not None:
        doc["seq"] = seq
    text = READONLY_TEXT if error.code == "readonly-connection" else REJECTED_TEXT
    return to_json({**doc, "type": "cf_agent_state_error", "error": text}, inf_nan_mode="null")


def ack(seq: int) -> bytes:
    """A client's numbered state frame is committed."""
    return to_json({"type": "roost_ack", "seq": seq})


def wrapped(data: bytes) -> bytes:
    """A binary message as text, where the platform has no binary frames."""
    return b'{"type":"roost_message","base64":"' + b64encode(data) + b'"}'


def stream_reset(rpc: str) -> bytes:
    """What was streamed to this call is void: it runs anew."""
    return to_json({"type": "roost_stream_reset", "id": rpc})


def refusal(error: RoostError) -> bytes:
    """What precedes a close with 4000 + status (rule 26)."""
    shown = from_json(problem_bytes(error))
    return to_json({"type": "roost_close", "code": close_code(error), "error": error.message, "problem": shown})


def close_code(error: RoostError) -> int:
    """4000 + status: terminal for every client. What is transient closes 1013, so that clients come back."""
    return 1013 if error.status in RETRYABLE else 4000 + error.status


def bad_frame(error: RoostError) -> bytes:
    """A frame that could not be taken and that names no call: an error frame of our own."""
    doc = _problem(error)
    return to_json({**doc, "type": "roost_error", "error": error.message}, inf_nan_mode="null")


def quoted(text: str) -> bytes:
    """A JSON string; the ordinary id needs no escapes."""
    if text.isascii() and text.isalnum():
        return b'"' + text.encode() + b'"'
    return to_json(text)


def _problem(error: RoostError) -> dict[str, Any]:
    doc = problem(error)
    doc.pop("type")
    if "id" in doc:
        doc["error_id"] = doc.pop("id")
    try:
        encode(doc, "the error", DEPTH + 1)
    except RoostError:
        doc.pop("data", None)
    return doc
