"""Operations of jobs in the OpenAPI document."""

from __future__ import annotations

from inspect import getdoc
from typing import TYPE_CHECKING, Final

from .generic import Node, ref
from .jobs import WAIT
from .operation import ANY_ADDRESS, ANY_BODY, CALL, IDEMPOTENCY, KEY, body, operation, query, responses, whole
from .schema import LOOSE, Components, answer_of, body_of

if TYPE_CHECKING:
    from roost.author.job_method import JobMethod
    from roost.author.kind import Kind

JOB_KEY: Final[Node] = {
    "type": ["string", "null"], "minLength": 1, "description": "While a job of this key lives, it is the one."
}  # fmt: skip
ID: Final[Node] = {
    "name": "id", "in": "path", "required": True, "description": "Of the job, or the key of one that lives.",
    "schema": {"type": "string", "minLength": 1},
}  # fmt: skip
REFUSED: Final = (*ANY_ADDRESS, 422, 423, 429, 501)


def typed_start(kind: Kind, job: JobMethod, components: Components) -> Node:
    """The operation that starts one job of one kind."""
    given = components.take(kind.name, _keyed(body_of(job.action)))
    result = components.take(kind.name, answer_of(job.action))["properties"]["result"]
    answers = responses({**ref("Started"), "x-roost-result": result}, CALL, 202)  # what `jobs/{id}` has as `value`
    found: Node = {
        "operationId": f"{kind.name}.start.{job.name}", "tags": [kind.name], "parameters": [KEY, IDEMPOTENCY],
        "requestBody": body(given, required=False), "responses": answers,
    }  # fmt: skip
    if text := getdoc(job.fn):
        found["summary"] = text.partition("\n")[0]
        found["description"] = text
    return {"post": found}


def _path(name: str, description: str) -> Node:
    schema: Node = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _keyed(schema: Node) -> Node:
    """The body of a call, with the key of a job."""
    for form in schema.get("anyOf", [schema]):
        form["properties"]["key"] = JOB_KEY
    return schema


def jobs(kinds: list[str]) -> dict[str, Node]:
    """The operations that are the same for every app."""
    base = "/v1/agents/{kind}/{key}"
    kind: Node = {"name": "kind", "in": "path", "required": True, "schema": {"type": "string", "enum": kinds}}
    whose = [kind, KEY]
    name: Node = {"name": "job", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    wait: Node = {**whole(0, WAIT), "description": "Seconds, for its end."}
    loose: Node = {**LOOSE, "properties": {**LOOSE["properties"], "key": JOB_KEY}}
    found: dict[str, Node] = {
        f"{base}/start/{{job}}": {
            "post": operation(
                "startJob", "Start a job, or find the live one of its key.", ref("Started"), CALL, status=202,
                parameters=[*whose, name, IDEMPOTENCY], body=body(loose, required=False),
            )
        },
        f"{base}/jobs": {
            "get": operation(
                "jobs", "Those that live, then those that ended.", ref("Jobs"), REFUSED,
                parameters=[*whose, query("limit", whole(0, 1000))],
            )
        },
        f"{base}/jobs/{{id}}": {
            "get": operation(
                "job", "How it is, or how it ended.", ref("Job"), REFUSED,
                parameters=[*whose, ID, query("wait", wait), query("steps", {"enum": ["true", "false"]})],
            )
        },
        f"{base}/jobs/{{id}}/cancel": {
            "post": operation(
                "cancelJob", "Its body hears of it, and tidies up.", ref("Started"), (*REFUSED, 409, *ANY_BODY),
                status=202, parameters=[*whose, ID, IDEMPOTENCY],
            )
        },
    }  # fmt: skip
    value: Node = {"type": "object", "properties": {"value": {}}, "additionalProperties": False}
    told = (*REFUSED, 409, *ANY_BODY)
    found[f"{base}/jobs/{{id}}/signals/{{name}}"] = {
        "post": operation(
            "signalJob", "Tell it something.", ref("ToldJob"), told, status=202,
            parameters=[*whose, ID, _path("name", "Of the signal."), IDEMPOTENCY], body=body(value, required=False),
        )
    }  # fmt: skip
    found[f"{base}/questions"] = {
        "get": operation(
            "questions", "Open ones that the caller may answer.", ref("Questions"), REFUSED, parameters=whose
        )
    }
    found[f"{base}/questions/{{question}}"] = {
        "post": operation(
            "answerQuestion", "The first answer that fits counts.", ref("ToldJob"), told,
            parameters=[*whose, _path("question", "Its id."), IDEMPOTENCY],
            body=body({**value, "required": ["value"]}, required=True),
        )
    }  # fmt: skip
    job_id = _path("job", "Its id, or the key of one that lives.")
    found[f"{base}/streams/{{job}}"] = {
        "get": operation("streams", "What its steps say: names.", ref("Streams"), REFUSED, parameters=[*whose, job_id])
    }
    later: Node = {"type": "string", "description": "A cursor: `claim.offset`. The header Last-Event-ID wins."}
    more: Node = {**whole(0, WAIT), "description": "Seconds, for the first entry."}
    found[f"{base}/streams/{{job}}/{{name}}"] = {
        "get": operation(
            "stream", "What its steps say, from a cursor on, until its end.", ref("Stream"), REFUSED, stream=True,
            parameters=[*whose, job_id, _path("name", "Of the stream."), query("after", later), query("wait", more)],
        )
    }  # fmt: skip
    for verb, summary, answer in (
        ("hold", "It begins no step until it is resumed.", "Held"), ("resume", "It goes on.", "Held"),
        ("restart", "Its journal is dropped, and it begins anew with its arguments.", "Restarted"),
    ):  # fmt: skip
        problems = (*REFUSED, 409)
        found[f"{base}/jobs/{{id}}/{verb}"] = {
            "post": operation(f"{verb}Job", summary, ref(answer), problems, parameters=[*whose, ID], admin=True)
        }
    return found
