"""A trigger, and what it came to, as bytes: for hosts that share a store and leave work to one another.

A host that finds an agent held parks its whole trigger as a letter, a *guest*, and waits for the answer.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from ..contract.caller import caller_of, stored
from ..contract.commit import Letter
from ..contract.errors import RoostError, from_problem
from ..contract.fingerprint import fingerprint_of
from ..contract.result import TickResult, outcome_of, problem_bytes
from ..contract.trigger import Call, Connect, Disconnect, Message, Payload, Request, SetState, Trigger
from .mailbox import Waiting

if TYPE_CHECKING:
    from ..author.kind import Kind
    from ..ports import Host

PATIENCE: Final = 27.0
"""Seconds a parked trigger without a deadline is waited for."""
LARGEST: Final = 256 * 1024
"""Bytes of a trigger that can be parked: a letter is one item of whatever store there is."""


def pack(trigger: Trigger, id: str, left: float, now: float) -> Letter | None:
    """The letter that a guest is, to be parked; None = this trigger can't be one. `id`: if it has none of its own.

    `left`: seconds until its deadline. `now`: epoch seconds.
    """
    payload = trigger.payload
    doc: dict[str, Any] = {"k": trigger.kind, "p": trigger.path, "c": trigger.caller is not None}
    doc |= {"d": now + left, "left": left}
    action, args = "", b""
    if isinstance(payload, Call):
        action, args = payload.action, to_json({"args": payload.args, "kwargs": payload.kwargs})
        doc |= {"cid": payload.cid, "rpc": payload.rpc, "in": payload.internal}
    elif isinstance(payload, Message):
        doc |= {"cid": payload.cid, **_data(payload.data)}
    elif isinstance(payload, SetState):
        doc |= {"cid": payload.cid, "state": payload.state, "seq": payload.seq}
    elif isinstance(payload, Connect):
        doc |= {
            "cid": payload.cid, "l": payload.label, "o": payload.opened, "q": dict(payload.query), "s": payload.seen,
            **({} if payload.client is None else {"w": payload.client}),
        }  # fmt: skip
    elif isinstance(payload, Disconnect):
        doc |= {"cid": payload.cid, "code": payload.code, "r": payload.reason}
    elif isinstance(payload, Request):
        doc |= {
            "m": payload.method, "path": payload.path, "q": payload.query, "h": payload.headers,
            **_data(payload.body),
        }  # fmt: skip
    else:
        return None
    raw = to_json(doc)
    if len(raw) + len(args) > LARGEST:
        return None
    return Letter(
        trigger.id or id, trigger.source, trigger.principal, action, args, trigger.lane,
        claims=stored(trigger.caller), keyed=trigger.id is not None, forwarded=raw,
    )  # fmt: skip


def path_of(letter: Letter) -> tuple[str, ...]:
    """The agents that wait for a guest; (): none, or it is no guest."""
    return () if letter.forwarded is None else tuple(from_json(letter.forwarded)["p"])


def unpack(kind: Kind, letter: Letter, host: Host) -> Waiting:
    """The guest as a trigger to run. Hosts' clocks differ: it never has more time left than when it was parked."""
    assert letter.forwarded is not None
    doc: dict[str, Any] = from_json(letter.forwarded)
    payload = _payload(doc, letter)
    caller = caller_of(letter.principal, letter.claims, letter.source) if doc["c"] else None
    deadline = host.monotonic() + min(doc.get("left", PATIENCE), doc["d"] - host.now())
    trigger = Trigger(
        doc["k"], payload, letter.id if letter.keyed else None, letter.source, caller, letter.lane, deadline,
        tuple(doc["p"]), letter_id="" if letter.keyed else letter.id,
    )  # fmt: skip
    waiting = Waiting(trigger)
    waiting.parked_as = letter.n
    if isinstance(payload, Call):
        if letter.keyed:
            waiting.fingerprint = fingerprint_of(payload.action, payload.args, payload.kwargs)
        try:
            action = (kind.target if payload.internal else kind.action)(payload.action)
            waiting.args, waiting.kwargs = action.bind(payload.args, payload.kwargs)
            waiting.action = action
        except RoostError:
            pass  # the code has changed since; running it says so
    return waiting


def _payload(doc: dict[str, Any], letter: Letter) -> Payload:
    kind = doc["k"]
    if kind in ("call", "completed"):  # the latter is a tick of the agent's own job
        given = from_json(letter.args)
        return Call(letter.action, tuple(given["args"]), given["kwargs"], doc["cid"], doc["rpc"], doc["in"])
    if kind == "message":
        if "state" in doc:
            return SetState(doc["cid"], doc["state"], doc["seq"])
        return Message(doc["cid"], _raw(doc))
    if kind == "connect":
        return Connect(doc["cid"], doc["l"], doc["o"], doc["q"], doc["s"], doc.get("w"))
    if kind == "disconnect":
        return Disconnect(doc["cid"], doc["code"], doc["r"])
    body = _raw(doc)
    assert isinstance(body, bytes)
    return Request(doc["m"], doc["path"], doc["q"], tuple((k, v) for k, v in doc["h"]), body)


def _data(data: str | bytes) -> dict[str, Any]:
    return {"t": data} if isinstance(data, str) else {"b": b64encode(data).decode()}


def _raw(doc: dict[str, Any]) -> str | bytes:
    found: str | bytes = doc["t"] if "t" in doc else b64decode(doc["b"])
    return found


def answer_of(result: TickResult) -> bytes:
    """What is left for whoever waits."""
    doc: dict[str, Any] = {"o": result.outcome, "v": result.version, "w": result.next_wake, "re": result.replayed}
    if result.error is not None:
        doc["e"] = from_json(problem_bytes(result.error))
    elif result.response is not None:
        status, headers, body = result.response
        doc["r"] = [status, headers, b64encode(body).decode()]
    else:
        doc["j"] = result.value.decode()
    return to_json(doc)


def answer_to(version: int, error: RoostError | None, value: Any) -> bytes:
    """The same, of a run that the commit of `version` ends. `value`: JSON, or the HTTP answer of a request."""
    if error is not None:
        return answer_of(TickResult(outcome_of(error), error=error, version=version))
    if isinstance(value, bytes):
        return answer_of(TickResult("value", value, version=version))
    return answer_of(TickResult("value", version=version, response=value))


def answered(raw: bytes) -> TickResult:
    """The same, read."""
    doc: dict[str, Any] = from_json(raw)
    result = TickResult(doc["o"], version=doc["v"], next_wake=doc["w"], replayed=doc["re"])
    if "e" in doc:
        result.error = from_problem(doc["e"])
    elif "r" in doc:
        status, headers, body = doc["r"]
        result.response = status, [(k, v) for k, v in headers], b64decode(body)
    else:
        result.value = doc["j"].encode()
    return result
