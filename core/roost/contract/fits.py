"""Whether data fits a JSON schema, as far as the schemas go that pydantic writes: what it says beyond that, such as
`format` and `pattern`, is for whoever knows the type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": lambda x: x is None,
    "boolean": lambda x: isinstance(x, bool),
    "integer": lambda x: (isinstance(x, int) and not isinstance(x, bool)) or (isinstance(x, float) and x.is_integer()),
    "number": lambda x: isinstance(x, int | float) and not isinstance(x, bool),
    "string": lambda x: isinstance(x, str),
    "array": lambda x: isinstance(x, list),
    "object": lambda x: isinstance(x, dict),
}
_BOUNDS: Final[Mapping[str, tuple[str, Callable[[float, float], bool]]]] = {
    "minimum": ("at least", lambda x, edge: x >= edge),
    "maximum": ("at most", lambda x, edge: x <= edge),
    "exclusiveMinimum": ("more than", lambda x, edge: x > edge),
    "exclusiveMaximum": ("less than", lambda x, edge: x < edge),
}
CHECKS: Final = 20_000
"""Schemas that one value is held against, at most: alternatives that refer to themselves could be endless work."""


def misfit(value: Any, schema: Any) -> str | None:
    """What is wrong, in a few words; None: it fits, or there was too much to look at."""
    return _Check(schema).misfit(value, schema, "")


class _Check:
    """One value, held against one schema. `where`: the place in the data, for the words."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = CHECKS

    def misfit(self, value: Any, schema: Any, where: str) -> str | None:
        self._left -= 1
        if self._left < 0 or schema is True:
            return None
        if not isinstance(schema, dict):
            return f"{where or 'it'} is nothing that is asked for"
        given = cast("dict[str, Any]", schema)
        if (ref := given.get("$ref")) is not None:
            return self.misfit(value, self._resolve(ref), where)
        why = self._alternatives(value, given, where) or _plain(value, given, where or "it")
        if why is None and isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value), given, where)
        if why is None and isinstance(value, list):
            return self._array(cast(Any, value), given, where)
        return why

    def _resolve(self, ref: Any) -> Any:
        found: Any = self._root
        for part in str(ref).removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            found = cast("dict[str, Any]", found).get(name, True) if isinstance(found, dict) else True
        return found

    def _alternatives(self, value: Any, schema: dict[str, Any], where: str) -> str | None:
        for one in schema.get("allOf", ()):
            if why := self.misfit(value, one, where):
                return why
        for name in ("anyOf", "oneOf"):
            first: str | None = None
            for one in schema.get(name, ()):
                why = self.misfit(value, one, where)
                if why is None:
                    break
                first = first or why
            else:
                if first is not None:
                    return first
        return None

    def _object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> str | None:
        for name in schema.get("required", ()):
            if name not in value:
                return f"{where or 'it'} has no {name!r}"
        properties = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        for name, one in value.items():
            if why := self.misfit(one, properties.get(name, rest), f"{where}.{name}" if where else name):
                return why
        return None

    def _array(self, value: Any, schema: dict[str, Any], where: str) -> str | None:
        first, rest = schema.get("prefixItems", ()), schema.get("items", True)
        for n, one in enumerate(value):
            if why := self.misfit(one, first[n] if n < len(first) else rest, f"{where}[{n}]"):
                return why
        return _size(len(value), schema, where or "it", "Items", "items")


def _plain(value: Any, schema: dict[str, Any], here: str) -> str | None:
    kinds = schema.get("type")
    if kinds is not None:
        names = [kinds] if isinstance(kinds, str) else kinds
        if not any(name not in _TYPES or _TYPES[name](value) for name in names):
            return f"{here} must be {' or '.join(names)}"
    if "const" in schema and not _equal(value, schema["const"]):
        return f"{here} must be {schema['const']!r}"
    if "enum" in schema and not any(_equal(value, one) for one in schema["enum"]):
        return f"{here} must be one of {schema['enum']}"
    if _TYPES["number"](value):
        for name, (words, holds) in _BOUNDS.items():
            if name in schema and not holds(value, schema[name]):
                return f"{here} must be {words} {schema[name]}"
    return _size(len(value), schema, here, "Length", "characters") if isinstance(value, str) else None


def _size(count: int, schema: dict[str, Any], here: str, of: str, what: str) -> str | None:
    least, most = schema.get(f"min{of}", 0), schema.get(f"max{of}", count)
    if count < least:
        return f"{here} must have at least {least} {what}"
    return f"{here} must have at most {most} {what}" if count > most else None


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
