"""/openapi.json: OpenAPI 3.1 of the surface, with one typed operation per action. Built once.

Source: https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from inspect import getdoc
from urllib.parse import quote

from pydantic_core import to_json

from roost.author.action import Action
from roost.author.app import App
from roost.author.kind import Kind

from .agents import DELAY, PAGE
from .generic import ANSWERS, PROBLEM, Node, ref
from .openapi_jobs import jobs, typed_start
from .operation import (
    ACTION,
    ANY_ADDRESS,
    ANY_BODY,
    CALL,
    IDEMPOTENCY,
    KEY,
    PARAMETERS,
    TIMEOUT,
    body,
    header,
    operation,
    query,
    responses,
    whole,
)  # fmt: skip
from .schema import LOOSE, Components, answer_of, body_of


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
        for job in kind.jobs.values():
            paths[f"/v1/agents/{kind.name}/{{key}}/start/{quote(job.name, safe='')}"] = typed_start(
                kind, job, components
            )
    paths.update(_agents([k.name for k in kinds]))
    paths.update(jobs([k.name for k in kinds]))
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


def _typed(kind: Kind, action: Action, components: Components) -> Node:
    given = components.take(kind.name, body_of(action))
    answer = components.take(kind.name, answer_of(action))
    required = all(form.get("required") for form in given.get("anyOf", [given]))
    answers = responses(answer, CALL, stream=True)
    answers["default"] = {"$ref": "#/components/responses/Problem"}  # an author rejects with any status
    found: Node = {
        "operationId": f"{kind.name}.{action.name}",
        "tags": [kind.name],
        "parameters": [KEY, IDEMPOTENCY, TIMEOUT],
        "requestBody": body(given, required=required),
        "responses": answers,
    }
    text = getdoc(action.fn)
    if text:
        found["summary"] = text.partition("\n")[0]
        found["description"] = text
    return {"post": found}


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
        query("kind", {"type": "string", "enum": kinds}), query("prefix", text), query("limit", whole(1, PAGE)),
        query("cursor", text),
    ]  # fmt: skip
    events_query = [
        query("after", whole(0, 2**53)), query("kinds", {**text, "description": "Separated by commas."}),
        query("limit", whole(1, PAGE)), query("follow", {"enum": ["true", "false"]}),
        header("Last-Event-ID", {"type": "string", "pattern": "^[0-9]{1,15}$"}, "Wins over `after`."),
    ]  # fmt: skip
    destroy_query = [
        query("version", {**whole(0, 2**53), "description": "Of the export; 409 `changed` if it is another now."}),
        query("letters", {**whole(0, 2**53), "description": "How many wait, 0 unless said; with `version` only."}),
        query("jobs", {**text, "description": "`id:claim:bell` of each live job of the export; with `version` only."}),
    ]
    version, seen = ref("Version"), ANY_ADDRESS
    one: Node = {"type": "object", "properties": {"id": {"type": ["string", "null"]}}, "additionalProperties": False}
    call_responses = {"default": {"$ref": "#/components/responses/Problem"}}
    call = operation(
        "call", "Run an action and wait for its result.", ref("Result"), CALL, stream=True,
        parameters=[*whose, ACTION, IDEMPOTENCY, TIMEOUT], body=body(LOOSE, required=False),
    )  # fmt: skip
    call["responses"].update(call_responses)
    return {
        "/v1/audit": {
            "get": operation(
                "audit", "What operators did, and what was refused.", ref("Events"), (422,), stream=True, admin=True,
                parameters=events_query,
            )
        },
        "/v1/tickets": {
            "post": operation(
                "ticket", "A ticket that opens one WebSocket, once.", ref("Ticket"), (*seen, *ANY_BODY, 429),
                body=body(ref("Wanted"), required=True), status=201,
            )
        },
        "/v1/agents": {
            "get": operation("list", "A page of all agents.", ref("Page"), (400, 422), parameters=list_query)
        },
        base: {
            "get": operation("status", "Status and metrics; wakes nobody.", ref("Status"), seen, parameters=whose),
            "delete": operation(
                "destroy", "End the agent; with `version` only as it was then.", version, (*seen, 409, 422, 423),
                parameters=[*whose, *destroy_query], admin=True,
            ),
        },
        f"{base}/state": {
            "get": operation("state", "The committed state.", ref("State"), (*seen, 423), parameters=whose)
        },
        f"{base}/call/{{action}}": {"post": call},
        f"{base}/tell/{{action}}": {
            "post": operation(
                "tell", "Have an action run, durably.", ref("Told"), (*seen, *ANY_BODY, 429), status=202,
                parameters=[*whose, ACTION, IDEMPOTENCY], body=body(tell, required=False),
            )
        },
        f"{base}/events": {
            "get": operation(
                "events", "The event log, then what happens live.", ref("Events"), (*seen, 422), stream=True,
                parameters=[*whose, *events_query],
            )
        },
        f"{base}/dead-letters": {
            "get": operation(
                "deadLetters", "What failed for good.", ref("DeadLetters"), seen, parameters=whose, admin=True
            ),
            "post": operation(
                "redrive", "Try one again, or all.", ref("Redriven"), (*seen, *ANY_BODY), parameters=whose, admin=True,
                body=body(one, required=False),
            ),
            "delete": operation(
                "purgeDeadLetters", "Gone for good: one, or all.", ref("Purged"), (*seen, 422),
                parameters=[*whose, query("id", text)], admin=True,
            ),
        },
        f"{base}/letters": {
            "get": operation(
                "letters", "What waits in the mailbox.", ref("Letters"), (*seen, 422), admin=True,
                parameters=[*whose, query("after", whole(0, 2**53)), query("limit", whole(1, PAGE))],
            ),
            "delete": operation(
                "purgeLetters", "What waits goes, unrun: one, or all.", ref("Purged"), (*seen, 422),
                parameters=[*whose, query("id", text)], admin=True,
            ),
        },
        f"{base}/hibernate": {
            "post": operation("hibernate", "Out of memory.", ref("Hibernated"), seen, parameters=whose, admin=True)
        },
        f"{base}/disconnect": {
            "post": operation(
                "disconnect", "Close a client's WebSockets.", ref("Disconnected"), (*seen, *ANY_BODY),
                parameters=whose, admin=True, body=body(ref("Disconnect"), required=True),
            )
        },
        f"{base}/export": {
            "get": operation(
                "export", "As a document.", ref("Export"), (*seen, 409, 422), parameters=whose, admin=True
            ),
            "put": operation(
                "import", "From a document.", version, (*seen, 409, *ANY_BODY, 423), admin=True,
                parameters=[*whose, query("unsigned", {"type": "boolean"})], body=body(ref("Export"), required=True),
            ),
        },
        f"{base}/migrate": {
            "post": operation("migrate", "Today's model.", version, (*seen, 423), parameters=whose, admin=True)
        },
        f"{base}/reset": {
            "post": operation("reset", "A first state again.", version, (*seen, 422), parameters=whose, admin=True)
        },
    }  # fmt: skip


def _server() -> dict[str, Node]:
    def get(id: str, summary: str, schema: Node, *problems: int) -> Node:
        return {"get": {"operationId": id, "summary": summary, "responses": responses(schema, problems)}}

    return {
        "/healthz": get("health", "The process runs.", ref("Health"), 500),
        "/readyz": get("ready", "It takes requests.", ref("Health"), 500, 503),
        "/v1/capabilities": get("capabilities", "What this deployment can do.", ref("Deployment"), 500),
        "/openapi.json": get("openapi", "This document.", {"type": "object"}, 500),
    }
