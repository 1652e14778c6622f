"""Arguments as they are typed in a shell, read with the schema of the action that gets them.

A word is JSON, or text where it is none; where the action takes text and not what the JSON would be, it is text too:
`123` for a `str` is "123". `x=5` names an argument only if the action has one called x.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast
from urllib.parse import quote

from .complaint import USAGE, Complaint

Schema = Mapping[str, Any]

DEPTH: Final = 8
"""References of a schema that are followed; models may be recursive."""
ANY: Final[Schema] = {}
_NAMED: Final = re.compile(r"([^\W\d]\w*)=(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Signature:
    """What an action takes: schemas by position and by name; `more` names and positions if it takes any."""

    positional: Sequence[Schema]
    named: Mapping[str, Schema]
    more: bool
    definitions: Mapping[str, Any]

    @classmethod
    def find(cls, document: Any, kind: str, action: str, verb: str = "call") -> Signature | None:
        """The signature in an OpenAPI document of Roost; None when it says nothing of the action. `verb`: "start" for
        a job."""
        try:
            operation = document["paths"][f"/v1/agents/{kind}/{{key}}/{verb}/{quote(action, safe='')}"]["post"]
            body: Any = operation["requestBody"]["content"]["application/json"]["schema"]
            positional: list[Schema] = []
            named: dict[str, Schema] = {}
            more = False
            for form in body.get("anyOf", [body]):
                args, kwargs = form["properties"]["args"], form["properties"]["kwargs"]
                positional = [*args.get("prefixItems", ())] or positional
                named.update(kwargs.get("properties", {}))
                more = more or kwargs.get("additionalProperties", True) is not False
            return cls(positional, named, more, document.get("components", {}).get("schemas", {}))
        except (KeyError, TypeError, AttributeError):
            return None

    def takes(self, name: str) -> bool:
        """Whether an argument may be called so."""
        return self.more or name in self.named

    def types(self, schema: Schema, depth: int = 0) -> frozenset[str] | None:
        """The JSON types of what a schema allows; None = any."""
        if depth > DEPTH:
            return None
        if "$ref" in schema:
            return self.types(self.definitions.get(str(schema["$ref"]).rpartition("/")[2], ANY), depth + 1)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                found = [self.types(option, depth + 1) for option in schema[name]]
                return None if None in found else frozenset[str]().union(*(types for types in found if types))
        for name in ("const", "enum"):
            if name in schema:
                values: list[Any] = [schema[name]] if name == "const" else schema[name]
                return frozenset[str]().union(*map(_types, values))
        type: Any = schema.get("type")
        if isinstance(type, str):
            return frozenset({type})
        return frozenset(cast("list[str]", type)) if isinstance(type, list) else None


def doubtful(words: Sequence[str]) -> bool:
    """Whether the action's signature decides how one of them is read."""
    return any(_NAMED.match(word) or not isinstance(value(word), str) for word in words)


def read(words: Sequence[str], signature: Signature | None = None) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments. Complaint: a name twice, or a position after a name."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        found = _NAMED.match(word)
        if found is None or not (signature is None or signature.takes(found[1])):
            if named:
                raise Complaint(f"the argument {word!r} stands after a named one: name it too", USAGE)
            at = len(positional)
            known = signature is not None and at < len(signature.positional)
            positional.append(value(word, signature, signature.positional[at] if signature and known else ANY))
        elif found[1] in named:
            raise Complaint(f"the argument {found[1]!r} is given twice", USAGE)
        else:
            named[found[1]] = value(found[2], signature, signature.named.get(found[1], ANY) if signature else ANY)
    return positional, named


def value(text: str, signature: Signature | None = None, schema: Schema = ANY) -> Any:
    """JSON if it is and may be, else the text itself."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    if signature is not None and not isinstance(found, str):
        types = signature.types(schema)
        if types is not None and "string" in types and not types & _types(found):
            return text
    return found


def _types(value: Any) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
