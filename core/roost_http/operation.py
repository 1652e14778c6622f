"""Pieces of the OpenAPI document: operations, their parameters, what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .generic import Node

ANY_ADDRESS: Final = (400, 404, 414)
"""What a wrong kind or key is answered with."""
ANYONE: Final = (401, 403)
"""What the auth hook may say."""
ANY_BODY: Final = (413, 415, 422)
FAULTS: Final = (500, 503)
CALL: Final = (*ANY_ADDRESS, *ANYONE, 409, *ANY_BODY, 423, 429, *FAULTS, 501)

_KEY: Final[Node] = {
    "name": "key", "in": "path", "required": True,
    "description": "Any text of 1 to 512 bytes of UTF-8 without NUL, percent-encoded as one segment.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 512},
}  # fmt: skip
ACTION: Final[Node] = {
    "name": "action", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}
}  # fmt: skip


def responses(schema: Node, problems: Sequence[int], status: int = 200, *, stream: bool = False) -> Node:
    content: Node = {"application/json": {"schema": schema}}
    if stream:
        content["text/event-stream"] = {}  # its events are beyond the schemas of OpenAPI 3.1
    good: Node = {"description": "Done.", "content": content}
    return {str(status): good, **{str(s): {"$ref": "#/components/responses/Problem"} for s in sorted(problems)}}


def header(name: str, schema: Node, description: str) -> Node:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


_IDEMPOTENCY: Final = header(
    "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "The same key runs once and answers the same, for 24 hours.",
)  # fmt: skip
_TIMEOUT: Final = header(
    "Roost-Timeout", {"type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,9})?$"},
    "Seconds the caller waits; the tick is cancelled then.",
)  # fmt: skip
PARAMETERS: Final[Node] = {"Key": _KEY, "IdempotencyKey": _IDEMPOTENCY, "Timeout": _TIMEOUT}
KEY, IDEMPOTENCY, TIMEOUT = ({"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS)


def body(schema: Node, *, required: bool) -> Node:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def operation(
    id: str, summary: str, schema: Node, problems: Sequence[int], *, parameters: Sequence[Node] = (),
    body: Node | None = None, admin: bool = False, status: int = 200, stream: bool = False,
) -> Node:  # fmt: skip
    found: Node = {
        "operationId": id,
        "summary": summary,
        "responses": responses(schema, (*problems, *ANYONE, *FAULTS), status, stream=stream),
    }
    if parameters:
        found["parameters"] = [*parameters]
    if body is not None:
        found["requestBody"] = body
    if admin:
        found["security"] = [{"admin": []}]
    return found


def query(name: str, schema: Node) -> Node:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def whole(low: int, high: int) -> Node:
    return {"type": "integer", "minimum": low, "maximum": high}
