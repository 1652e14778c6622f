"""What an app has, as data for people's tools: kinds, actions and jobs, the schemas of their arguments, an example."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from roost import App

DEPTH = 6
"""Levels of a schema an example goes into; models may be recursive."""


CHAT = frozenset({"send", "messages", "session", "answer", "cancel"})
"""Actions by which a chat agent is known; its package need not be loaded for that."""


def outline(app: App) -> list[dict[str, Any]]:
    """Every kind with its actions and its jobs, in the order they were written."""
    return [
        {
            "kind": kind.name,
            "doc": _doc(kind.cls),
            "client_writes": kind.client_writes,
            "stateful": kind.stateful,
            "messages": "on_message" in kind.hooks,
            "chat": kind.actions.keys() >= CHAT,
            "actions": [
                {
                    "name": action.name,
                    "schema": action.schema(),
                    "result": action.result_schema(),
                    "readonly": action.options.readonly,
                    "streams": action.streams,
                    "doc": _doc(action.fn),
                }
                for action in kind.actions.values()
            ],
            "jobs": [
                {"name": job.name, "schema": job.action.schema(), "doc": _doc(job.fn)} for job in kind.jobs.values()
            ],
        }
        for kind in app.kinds.values()
    ]


def _doc(of: Any) -> str:
    return inspect.cleandoc(of.__doc__ or "") if "__doc__" in vars(of) or inspect.isfunction(of) else ""


def sample(schema: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments that an action's schema allows, positional and named: what is required, or the first that is not."""
    definitions = schema.get("$defs", {})
    if schema.get("type") == "array":
        return _example(schema, definitions, 0), {}
    properties: Mapping[str, Any] = schema.get("properties", {})
    names = [n for n in properties if n in schema.get("required", ())] or list(properties)[:1]
    return [], {name: _example(properties[name], definitions, 0) for name in names}


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    if depth > DEPTH:
        return None
    if "$ref" in schema:
        return _example(definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), definitions, depth + 1)
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    for name in ("const", "enum", "examples"):
        if name in schema:
            return schema[name] if name == "const" else schema[name][0]
    for name in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(name, ()):
            if option.get("type") != "null":
                return _example(option, definitions, depth + 1)
    match schema.get("type"):
        case "integer":
            return max(1, int(schema.get("minimum", 1)))
        case "number":
            return max(5, schema.get("minimum", 5))
        case "boolean":
            return True
        case "string":
            return _text(schema)
        case "array":
            return [_example(s, definitions, depth + 1) for s in schema.get("prefixItems", ())]
        case "object":
            properties: Mapping[str, Any] = schema.get("properties", {})
            wanted = schema.get("required", ())
            return {n: _example(s, definitions, depth + 1) for n, s in properties.items() if n in wanted}
        case _:
            return None


def _text(schema: Mapping[str, Any]) -> str:
    match schema.get("format"):
        case "date-time":
            return "2030-01-01T09:00:00Z"
        case "date":
            return "2030-01-01"
        case "duration":
            return "PT5S"
        case "uuid":
            return "00000000-0000-4000-8000-000000000000"
        case _:
            return "hello".ljust(int(schema.get("minLength", 0)), "o")[: int(schema.get("maxLength", 100))]
