# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# Values of any kind are taken apart here.
"""What a type does to its values on the way to JSON and back, as far as its pydantic schema shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

_SAME: Final = frozenset({
    "arguments", "call", "any", "none", "bool", "int", "float", "str", "nullable", "default", "list", "tuple", "set",
    "frozenset", "dict", "typed-dict", "typed-dict-field", "model", "model-fields", "model-field", "union", "literal",
    "datetime", "date", "time", "timedelta", "uuid", "decimal", "definitions", "definition-ref",
    "positional_or_keyword",
})  # fmt: skip
"""Kinds of schema that take JSON data the same way whether they know that it is JSON or not, unless they are strict."""
_JSON_ALIKE: Final = frozenset({"none", "bool", "int", "float", "str"})
"""Alternatives of a union that JSON data chooses among the same way. Of others, data that is not known as JSON chooses
what is a type of JSON, and JSON what it can be read as: a date or a str, a set or a list, a model or a dict."""
_SKIPPED: Final = frozenset({"metadata", "config", "function", "default", "serialization", "ref", "cls"})


@dataclass(slots=True)
class Shape:
    """What was seen in a schema."""

    aliased: bool = False
    """A field goes by another name than its own."""
    unordered: bool = False
    """It may hold a set, whose elements are written in any order."""
    json: bool = False
    """JSON data must be checked as JSON: some of its types take text for a value of theirs only then."""
    faults: list[str] = field(default_factory=list[str])
    """What can't be read back as it was written, each with its way out."""

    def fault(self, what: str) -> None:
        if what not in self.faults:
            self.faults.append(what)


def look(schema: Mapping[str, Any]) -> Shape:
    """Look through a core schema."""
    out = Shape()
    _look(schema, out, "", False, None)
    return out


def shape_of(model: type[BaseModel]) -> Shape:
    """Look through a model."""
    model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    return look(schema)


def _look(node: Mapping[str, Any], out: Shape, where: str, own: bool, config: Mapping[str, Any] | None) -> None:
    """`own`: its author has written a serializer for this part. `config`: of the model around it."""
    kind: object = node.get("type")
    if isinstance(kind, str):
        if kind not in _SAME or node.get("strict"):
            out.json = True
        if kind in ("set", "frozenset"):
            out.unordered = True
        if kind == "union":
            out.json = out.json or not _JSON_ALIKE.issuperset(map(_kind, node["choices"]))
        if kind in ("model", "dataclass"):
            inside: Any = node.get("config") or {}
            config = inside
            own = own or (kind == "model" and _written(node))
            out.json = out.json or bool(inside.get("strict"))
            where = node["cls"].__name__
            _private(node, out, where)
        serialization: Any = node.get("serialization")
        if serialization is not None and not own:
            if getattr(serialization.get("function"), "__module__", "") == "pydantic.types":
                if "secret" in serialization["function"].__name__:
                    out.fault(
                        f"{where}: a secret is written as stars; make it a str (and leave it out of view()), or keep "
                        "it in the config"
                    )
                    return
            else:
                own = True
    fields: Any = node.get("fields")
    if fields and kind in ("model-fields", "dataclass-args", "typed-dict"):
        named: dict[str, Any] = fields if kind != "dataclass-args" else {f["name"]: f for f in fields}
        _names(named, out, where, config or {})
        for name, inner in named.items():
            if inner.get("serialization_exclude"):
                out.fault(f"{where}.{name}: exclude=True leaves it out of what is stored; keep it outside the state")
            _look(inner["schema"], out, f"{where}.{name}", own, config)
        extras = node.get("extras_schema")
        if extras is not None:
            _look(extras, out, where, own, config)
        return
    for name, value in node.items():
        if name not in _SKIPPED:
            for inner in _inner(value):
                _look(inner, out, where, own, config)


def _inner(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        node: Any = value
        yield node
    elif isinstance(value, (list, tuple)):
        parts: Any = value
        for each in parts:
            yield from _inner(each)


def _kind(choice: Any) -> object:
    """The kind of a union's alternative: a schema, or (schema, label)."""
    return (choice[0] if isinstance(choice, tuple) else choice).get("type")


def _written(node: Mapping[str, Any]) -> bool:
    """Whether a model has a serializer of its author's."""
    decorators = getattr(node["cls"], "__pydantic_decorators__", None)
    return bool(getattr(decorators, "model_serializers", None))


def _private(node: Mapping[str, Any], out: Shape, where: str) -> None:
    private: Any = getattr(node["cls"], "__private_attributes__", None)
    for name in private or ():
        out.fault(f"{where}.{name}: a private attribute is not stored; make it a field, or keep it outside the state")


def _names(fields: Mapping[str, Mapping[str, Any]], out: Shape, where: str, config: Mapping[str, Any]) -> None:
    """Each field must be read under the name it is written with, and no other field may be."""
    by_alias = bool(config.get("serialize_by_alias"))
    written: dict[str, str] = {}
    for name, one in fields.items():
        alias: Any = one.get("serialization_alias")
        out.aliased = out.aliased or alias is not None or one.get("validation_alias") is not None
        written[name] = alias if by_alias and alias is not None else name
    for name, one in fields.items():
        read = {name, *_paths(one.get("validation_alias"))}
        mine = written[name]
        if mine not in read:
            out.fault(
                f"{where}.{name}: it is written as {mine!r} and not read under that name; use alias={mine!r}, or drop "
                "serialize_by_alias"
            )
        for other, theirs in written.items():
            if other != name and theirs in read:
                out.fault(
                    f"{where}.{name}: its alias {theirs!r} is the name of another field, whose value it would be read "
                    "as; use another alias"
                )


def _paths(alias: Any) -> Iterator[str]:
    """The plain names of a validation alias: text, a path, or a list of paths."""
    if isinstance(alias, str):
        yield alias
    elif isinstance(alias, list) and alias:
        paths: Any = alias if isinstance(alias[0], list) else [alias]
        for path in paths:
            yield str(path[0])
