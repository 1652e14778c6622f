"""Schemas of the answers that are the same for every app, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

Node = dict[str, Any]


def ref(name: str) -> Node:
    """A reference to a schema of the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Node, optional: Node | None = None, *, closed: bool = True) -> Node:
    found: Node = {"type": "object", "properties": {**required, **(optional or {})}, "required": [*required]}
    if closed:
        found["additionalProperties"] = False
    return found


TEXT: Final[Node] = {"type": "string"}
COUNT: Final[Node] = {"type": "integer", "minimum": 0}
TIME: Final[Node] = {"type": "number", "description": "Seconds since 1970, UTC."}
MAYBE_TIME: Final[Node] = {"type": ["number", "null"], "description": "Seconds since 1970, UTC."}
LIST: Final[Node] = {"type": "array", "items": {"type": "object"}}

PROBLEM: Final[Node] = _object(
    {
        "type": {"type": "string", "pattern": "^urn:roost:error:"},
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": TEXT,
        "code": TEXT,
    },
    {
        "data": {"description": "What the author of the agent added, or the arguments that were wrong."},
        "id": {"type": "string", "description": "Names the entry in the server's log."},
        "retry_after": {"type": "number", "minimum": 0, "description": "Seconds."},
    },
)

_JOB: Final[Node] = _object(
    {
        "id": TEXT,
        "key": {"type": ["string", "null"]},
        "name": TEXT,
        "status": {"enum": ["running", "waiting", "held", "ending", "ended"]},
        "started": TIME,
        "deadline": TIME,
        "by": _object({"source": TEXT, "principal": TEXT}),
    },
    {
        "run": COUNT,
        "due": MAYBE_TIME,
        "held_until": {**TIME, "description": "By an export."},
        "trouble": {**TEXT, "description": "Why it can't go on: `diverged`, `no-code`."},
        "ended": TIME,
        "value": {"description": "What it returned."},
        "error": {"type": "object", "description": "The problem it ended with."},
        "steps": LIST,
    },
)

ANSWERS: Final[dict[str, Node]] = {
    "Job": _JOB,
    "Jobs": _object({"jobs": {"type": "array", "items": ref("Job")}}),
    "Started": _object({"id": {**TEXT, "description": "Of the job."}}),
    "ToldJob": _object(
        {
            "id": TEXT,
            "at": TIME,
            "by": TEXT,
            "first": {"type": "boolean", "description": "False: it was told before, under this idempotency key."},
        }
    ),
    "Questions": _object({"questions": {"type": "array", "items": ref("Question")}}),
    "Question": _object(
        {
            "id": TEXT,
            "job": TEXT,
            "text": TEXT,
            "who": {"type": ["string", "null"], "description": "The role it is for."},
            "schema": {"description": "JSON schema of an answer."},
            "asked": TIME,
            "expires": TIME,
        }
    ),
    "Streams": _object({"streams": {"type": "array", "items": _object({"name": TEXT})}}),
    "Stream": _object(
        {
            "entries": {
                "type": "array",
                "items": _object({"kind": {"enum": ["item", "reset", "gap", "end"]}, "cursor": TEXT, "data": {}}),
            },
            "cursor": {**TEXT, "description": "`after` of whoever comes back."},
            "ended": {"type": "boolean"},
        }
    ),
    "Held": _object({"id": TEXT, "held": {"type": "boolean"}}),
    "Restarted": _object({"id": TEXT, "run": COUNT}),
    "Result": _object({"result": {}}),
    "Told": _object({"id": {**TEXT, "description": "Of the letter: the idempotency key if there is one."}}),
    "State": _object({"state": {}, "version": COUNT}),
    "Version": _object({"version": COUNT}),
    "Hibernated": _object({"hibernated": {"type": "boolean", "description": "It was in memory."}}),
    "Disconnect": _object({"principal": TEXT}),
    "Disconnected": _object({"closed": COUNT}),
    "Redriven": _object({"redriven": COUNT}),
    "Purged": _object({"purged": COUNT}),
    "Letters": _object({"letters": LIST}),
    "DeadLetters": _object({"dead_letters": LIST}),
    "Health": _object({"status": TEXT}),
    "Deployment": _object(
        {
            "backend": TEXT,
            "version": TEXT,
            "restless": {"type": "boolean", "description": "Agents hibernate between any two ticks: a test mode."},
            "capabilities": {"type": "object"},
            "kinds": {"type": "array", "items": TEXT},
        }
    ),
    "Export": _object(
        {"format": {"const": "roost-export"}, "schema": {"type": "integer"}, "kind": TEXT, "sha256": TEXT}, closed=False
    ),
    "Wanted": _object({"kind": TEXT, "key": TEXT}),
    "Ticket": _object({"ticket": {**TEXT, "description": "For `?ticket=` of the handshake."}, "expires": TIME}),
    "Page": _object(
        {
            "agents": {
                "type": "array",
                "items": _object(
                    {"kind": TEXT, "key": TEXT, "version": COUNT, "updated": TIME, "next_wake": MAYBE_TIME}
                ),
            },
            "cursor": {"type": ["string", "null"], "description": "Of the next page; null on the last."},
        }
    ),
    "Events": _object(
        {
            "events": {"type": "array", "items": _object({"seq": COUNT, "kind": TEXT, "data": {}, "at": TIME})},
            "first": {**COUNT, "description": "Number of the first entry still kept."},
        },
        {"more": {"const": True, "description": "The answer is full; ask again after its last number."}},
    ),
    "Status": _object(
        {
            "kind": TEXT,
            "key": TEXT,
            "status": {"enum": ["asleep", "waking", "awake", "draining", "quarantined", "destroyed"]},
            "version": COUNT,
            "updated": TIME,
            "next_wake": MAYBE_TIME,
        },
        closed=False,
    ),
}
