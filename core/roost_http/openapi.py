"""/openapi.json: OpenAPI 3.1 of the surface, with one typed operation per action. Built once.

Source: https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getdoc
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json

from roost.author.action import Action
from roost.author.app import App
from roost.author.kind import Kind

from .agents import DELAY, PAGE
from .generic import ANSWERS, PROBLEM, Node, ref
from .schema import LOOSE, Components, answer_of, body_of

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


def document(app: App) -> bytes:
    """The document, as JSON."""
    components = Components()
    kinds = sorted(app.kinds.values(), key=lambda k: k.name)
    paths: dict[str, Node] = {}
    for kind in kinds:
        for action in sorted(kind.actions.values(), key=lambda a: a.name):
            paths[f"/v1/agents/{kind.name}/{{key}}/call/{quote(action.name, safe='')}"] = _typed(
                kind, action, components
            )
    paths.update(_agents([k.name for k in kinds]))
    paths.update(_server())
    schemas = {"Problem": PROBLEM, **ANSWERS, **components.schemas}
    return to_json(
        {
            "openapi": "3.1.0",
            "info": {"title": "Roost", "version": "1", "summary": "Stateful agents: call, tell, read, operate."},
            "paths": paths,
            "components": {
                "schemas": schemas,
                "parameters": PARAMETERS,
                "responses": {"Problem": _problem()},
                "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _problem() -> Node:
    return {
        "description": "What went wrong (RFC 9457).",
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def _responses(schema: Node, problems: Sequence[int], status: int = 200, *, stream: bool = False) -> Node:
    content: Node = {"application/json": {"schema": schema}}
    if stream:
        content["text/event-stream"] = {}  # its events are beyond the schemas of OpenAPI 3.1
    good: Node = {"description": "Done.", "content": content}
    return {str(status): good, **{str(s): {"$ref": "#/components/responses/Problem"} for s in sorted(problems)}}


def _header(name: str, schema: Node, description: str) -> Node:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


_IDEMPOTENCY: Final = _header(
    "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "The same key runs once and answers the same, for 24 hours.",
)  # fmt: skip
_TIMEOUT: Final = _header(
    "Roost-Timeout", {"type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,9})?$"},
    "Seconds the caller waits; the tick is cancelled then.",
)  # fmt: skip
PARAMETERS: Final[Node] = {"Key": _KEY, "IdempotencyKey": _IDEMPOTENCY, "Timeout": _TIMEOUT}
KEY, IDEMPOTENCY, TIMEOUT = ({"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS)


def _body(schema: Node, *, required: bool) -> Node:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _typed(kind: Kind, action: Action, components: Components) -> Node:
    given = components.take(kind.name, body_of(action))
    answer = components.take(kind.name, answer_of(action))
    required = all(form.get("required") for form in given.get("anyOf", [given]))
    responses = _responses(answer, CALL, stream=True)
    responses["default"] = {"$ref": "#/components/responses/Problem"}  # an author rejects with any status
    operation: Node = {
        "operationId": f"{kind.name}.{action.name}",
        "tags": [kind.name],
        "parameters": [KEY, IDEMPOTENCY, TIMEOUT],
        "requestBody": _body(given, required=required),
        "responses": responses,
    }
    text = getdoc(action.fn)
    if text:
        operation["summary"] = text.partition("\n")[0]
        operation["description"] = text
    return {"post": operation}


def _operation(
    id: str, summary: str, schema: Node, problems: Sequence[int], *, parameters: Sequence[Node] = (),
    body: Node | None = None, admin: bool = False, status: int = 200, stream: bool = False,
) -> Node:  # fmt: skip
    found: Node = {
        "operationId": id,
        "summary": summary,
        "responses": _responses(schema, (*problems, *ANYONE, *FAULTS), status, stream=stream),
    }
    if parameters:
        found["parameters"] = [*parameters]
    if body is not None:
        found["requestBody"] = body
    if admin:
        found["security"] = [{"admin": []}]
    return found


def _query(name: str, schema: Node) -> Node:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _whole(low: int, high: int) -> Node:
    return {"type": "integer", "minimum": low, "maximum": high}


def _agents(kinds: list[str]) -> dict[str, Node]:
    base = "/v1/agents/{kind}/{key}"
    text: Node = {"type": "string", "maxLength": 2048}
    kind: Node = {"name": "kind", "in": "path", "required": True, "schema": {"type": "string", "enum": kinds}}
    whose = [kind, KEY]
    tell: Node = {
        **LOOSE,
        "properties": {
            **LOOSE["properties"],
            "lane": {"enum": ["standard", "urgent"]},
            "delay": {"type": "number", "minimum": 0, "maximum": DELAY, "description": "Seconds."},
        },
    }
    list_query = [
        _query("kind", {"type": "string", "enum": kinds}), _query("prefix", text), _query("limit", _whole(1, PAGE)),
        _query("cursor", text),
    ]  # fmt: skip
    events_query = [
        _query("after", _whole(0, 2**53)), _query("kinds", {**text, "description": "Separated by commas."}),
        _query("limit", _whole(1, PAGE)), _query("follow", {"enum": ["true", "false"]}),
        _header("Last-Event-ID", {"type": "string", "pattern": "^[0-9]{1,15}$"}, "Wins over `after`."),
    ]  # fmt: skip
    destroy_query = [
        _query("version", {**_whole(0, 2**53), "description": "Of the export; 409 `changed` if it is another now."}),
        _query("letters", {**_whole(0, 2**53), "description": "How many wait, 0 unless said; with `version` only."}),
    ]
    version, seen = ref("Version"), ANY_ADDRESS
    one: Node = {"type": "object", "properties": {"id": {"type": ["string", "null"]}}, "additionalProperties": False}
    call_responses = {"default": {"$ref": "#/components/responses/Problem"}}
    call = _operation(
        "call", "Run an action and wait for its result.", ref("Result"), CALL, stream=True,
        parameters=[*whose, ACTION, IDEMPOTENCY, TIMEOUT], body=_body(LOOSE, required=False),
    )  # fmt: skip
    call["responses"].update(call_responses)
    return {
        "/v1/audit": {
            "get": _operation(
                "audit", "What operators did, and what was refused.", ref("Events"), (422,), stream=True, admin=True,
                parameters=events_query,
            )
        },
        "/v1/tickets": {
            "post": _operation(
                "ticket", "A ticket that opens one WebSocket, once.", ref("Ticket"), (*seen, *ANY_BODY, 429),
                body=_body(ref("Wanted"), required=True), status=201,
            )
        },
        "/v1/agents": {
            "get": _operation("list", "A page of all agents.", ref("Page"), (400, 422), parameters=list_query)
        },
        base: {
            "get": _operation("status", "Status and metrics; wakes nobody.", ref("Status"), seen, parameters=whose),
            "delete": _operation(
                "destroy", "End the agent; with `version` only as it was then.", version, (*seen, 409, 422, 423),
                parameters=[*whose, *destroy_query], admin=True,
            ),
        },
        f"{base}/state": {
            "get": _operation("state", "The committed state.", ref("State"), (*seen, 423), parameters=whose)
        },
        f"{base}/call/{{action}}": {"post": call},
        f"{base}/tell/{{action}}": {
            "post": _operation(
                "tell", "Have an action run, durably.", ref("Told"), (*seen, *ANY_BODY, 429), status=202,
                parameters=[*whose, ACTION, IDEMPOTENCY], body=_body(tell, required=False),
            )
        },
        f"{base}/events": {
            "get": _operation(
                "events", "The event log, then what happens live.", ref("Events"), (*seen, 422), stream=True,
                parameters=[*whose, *events_query],
            )
        },
        f"{base}/dead-letters": {
            "get": _operation(
                "deadLetters", "What failed for good.", ref("DeadLetters"), seen, parameters=whose, admin=True
            ),
            "post": _operation(
                "redrive", "Try one again, or all.", ref("Redriven"), (*seen, *ANY_BODY), parameters=whose, admin=True,
                body=_body(one, required=False),
            ),
            "delete": _operation(
                "purgeDeadLetters", "Gone for good: one, or all.", ref("Purged"), (*seen, 422),
                parameters=[*whose, _query("id", text)], admin=True,
            ),
        },
        f"{base}/letters": {
            "get": _operation(
                "letters", "What waits in the mailbox.", ref("Letters"), (*seen, 422), admin=True,
                parameters=[*whose, _query("after", _whole(0, 2**53)), _query("limit", _whole(1, PAGE))],
            ),
            "delete": _operation(
                "purgeLetters", "What waits goes, unrun: one, or all.", ref("Purged"), (*seen, 422),
                parameters=[*whose, _query("id", text)], admin=True,
            ),
        },
        f"{base}/hibernate": {
            "post": _operation("hibernate", "Out of memory.", ref("Hibernated"), seen, parameters=whose, admin=True)
        },
        f"{base}/disconnect": {
            "post": _operation(
                "disconnect", "Close a client's WebSockets.", ref("Disconnected"), (*seen, *ANY_BODY),
                parameters=whose, admin=True, body=_body(ref("Disconnect"), required=True),
            )
        },
        f"{base}/export": {
            "get": _operation(
                "export", "As a document.", ref("Export"), (*seen, 409, 422), parameters=whose, admin=True
            ),
            "put": _operation(
                "import", "From a document.", version, (*seen, 409, *ANY_BODY, 423), admin=True,
                parameters=[*whose, _query("unsigned", {"type": "boolean"})], body=_body(ref("Export"), required=True),
            ),
        },
        f"{base}/migrate": {
            "post": _operation("migrate", "Today's model.", version, (*seen, 423), parameters=whose, admin=True)
        },
        f"{base}/reset": {
            "post": _operation("reset", "A first state again.", version, (*seen, 422), parameters=whose, admin=True)
        },
    }  # fmt: skip


def _server() -> dict[str, Node]:
    def get(id: str, summary: str, schema: Node, *problems: int) -> Node:
        return {"get": {"operationId": id, "summary": summary, "responses": _responses(schema, problems)}}

    return {
        "/healthz": get("health", "The process runs.", ref("Health"), 500),
        "/readyz": get("ready", "It takes requests.", ref("Health"), 500, 503),
        "/v1/capabilities": get("capabilities", "What this deployment can do.", ref("Deployment"), 500),
        "/openapi.json": get("openapi", "This document.", {"type": "object"}, 500),
    }
