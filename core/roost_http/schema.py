"""JSON schemas of an app's actions, gathered into one set of components with names of their own.

Two actions may know different models by one name (of two modules, or of input and output), so a schema whose
definitions clash with those gathered takes its whole set under new names: they refer to one another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import Parameter
from typing import Any, Final

from pydantic_core import from_json, to_json

from roost.author.action import Action

Schema = dict[str, Any]
PREFIX: Final = "#/components/schemas/"
_REF: Final = re.compile(re.escape(PREFIX.encode()) + rb"([^\"/]+)\"")
_LETTERS: Final = re.compile(r"[^A-Za-z0-9._-]+")
LOOSE: Final[Schema] = {
    "type": "object",
    "properties": {"args": {"type": "array"}, "kwargs": {"type": "object"}},
    "additionalProperties": False,
}


class Components:
    """The definitions of all schemas of one document."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def take(self, kind: str, schema: Schema) -> Schema:
        """`schema` with its definitions moved here, under names that begin with `kind`."""
        given: dict[str, Schema] = schema.pop("$defs", {})
        suffix, n = "", 1
        while True:
            names = {name: f"{kind}.{_LETTERS.sub('_', name)}{suffix}" for name in given}
            moved = {names[name]: _renamed(definition, names) for name, definition in given.items()}
            if all(self.schemas.get(name, definition) == definition for name, definition in moved.items()):
                self.schemas.update(moved)
                return _renamed(schema, names)
            n += 1
            suffix = f"-{n}"


def _renamed(schema: Schema, names: Mapping[str, str]) -> Schema:
    def replace(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        return f'{PREFIX}{names.get(name, name)}"'.encode()

    out: Schema = from_json(_REF.sub(replace, to_json(schema)))
    return out


def body_of(action: Action) -> Schema:
    """The body of a call: the arguments by name in `kwargs`, or by position in `args`."""
    try:
        schema = action.schema()
    except Exception:  # a signature or annotation pydantic can't describe is no reason to have no OpenAPI
        return dict(LOOSE)
    definitions: dict[str, Schema] = schema.pop("$defs", {})
    if schema.get("type") == "array":
        forms = [_form(schema, None)]
    else:
        forms = [_form(None, schema)]
        array = _by_position(action, schema)
        if array is not None and schema.get("properties"):
            forms.append(array)
    out: Schema = forms[0] if len(forms) == 1 else {"anyOf": forms}
    if definitions:
        out["$defs"] = definitions
    return out


def _form(args: Schema | None, kwargs: Schema | None) -> Schema:
    """A body whose `args` and `kwargs` are as given; None is empty."""
    required: list[str] = []
    if args is None:
        args = {"type": "array", "maxItems": 0}
    elif args.get("minItems"):
        required.append("args")
    if kwargs is None:
        kwargs = {"type": "object", "additionalProperties": False}
    elif kwargs.get("required"):
        required.append("kwargs")
    form: Schema = {"type": "object", "properties": {"args": args, "kwargs": kwargs}, "additionalProperties": False}
    if required:
        form["required"] = required
    return form


def _by_position(action: Action, schema: Schema) -> Schema | None:
    """The form with all that has a position in `args`; None if the schema names something differently."""
    properties: dict[str, Schema] = schema.get("properties", {})
    required: list[str] = schema.get("required", [])
    items: list[Schema] = []
    least = 0
    for parameter in action.signature.parameters.values():
        if parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD:
            continue
        if parameter.name not in properties:
            return None
        items.append(properties[parameter.name])
        if parameter.name in required:
            least = len(items)
    if not items:
        return None
    names = {p.name for p in action.signature.parameters.values() if p.kind is Parameter.POSITIONAL_OR_KEYWORD}
    rest: Schema = {**schema, "properties": {k: v for k, v in properties.items() if k not in names}}
    rest["required"] = [k for k in required if k not in names]
    if not rest["required"]:
        del rest["required"]
    args: Schema = {"type": "array", "prefixItems": items, "maxItems": len(items)}
    if least:
        args["minItems"] = least
    return _form(args, rest)


def answer_of(action: Action) -> Schema:
    """The answer of a call: {"result": ...}; of a stream, all its chunks."""
    result = action.result_schema()
    definitions: dict[str, Schema] = result.pop("$defs", {})
    out: Schema = {
        "type": "object",
        "properties": {"result": {"type": "array", "items": result} if action.streams else result},
        "required": ["result"],
        "additionalProperties": False,
    }
    if definitions:
        out["$defs"] = definitions
    return out
