# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# Values of any kind are taken apart here.
"""Where two values differ: what an agent's code made, and what it reads back as."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

PLAIN: Final = frozenset({str, int, bool, type(None), float})
"""Types whose values are JSON."""


def difference(one: Any, other: Any, where: str = "") -> str | None:
    """The path of the first part that differs, such as `rows.a.0`; None: they are the same.

    NaN is itself. A list is a tuple of the same parts, and a set the frozenset: JSON has arrays only.
    """
    if one is other:
        return None
    if isinstance(one, float) and isinstance(other, float):
        return None if one == other or (one != one and other != other) else _place(where)
    if isinstance(one, complex) and isinstance(other, complex):
        return difference(one.real, other.real, where) or difference(one.imag, other.imag, where)
    if isinstance(one, BaseModel):
        return _models(one, other, where)
    mine: Any = one
    theirs: Any = other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _mappings(mine, theirs, where)
    if isinstance(one, AbstractSet) and isinstance(other, AbstractSet):
        return None if _sets(mine, theirs) else _place(where)
    if isinstance(one, (list, tuple, deque)) and isinstance(other, (list, tuple, deque)):
        return _sequences(mine, theirs, where)
    if isinstance(one, Enum) or isinstance(other, Enum):
        return None if one == other else _place(where)
    if one == other:
        return None
    own: Any = type(one).__eq__
    if type(one) is type(other) and (own is object.__eq__ or hasattr(one, "__dataclass_fields__")):
        return _mappings(_parts(one), _parts(other), where)  # it can't be compared itself, or holds a NaN
    return _place(where)


def _models(one: BaseModel, other: Any, where: str) -> str | None:
    if type(other) is not type(one):
        return _place(where)
    found = _mappings(_fields(one), _fields(other), where)
    if found is not None:
        return found
    return _mappings(one.__pydantic_extra__ or {}, other.__pydantic_extra__ or {}, where)


def _fields(model: BaseModel) -> dict[str, Any]:
    names = type(model).model_fields
    return {k: v for k, v in model.__dict__.items() if k in names}


def _mappings(one: Mapping[Any, Any], other: Mapping[Any, Any], where: str) -> str | None:
    for key, value in one.items():
        at = f"{where}.{key}" if where else str(key)
        if key not in other:
            return at
        found = difference(value, other[key], at)
        if found is not None:
            return found
    return next((f"{where}.{key}" if where else str(key) for key in other if key not in one), None)


def _sequences(one: Any, other: Any, where: str) -> str | None:
    if len(one) != len(other):
        return _place(where)
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        found = difference(a, b, f"{where}.{i}" if where else str(i))
        if found is not None:
            return found
    return None


def _sets(one: AbstractSet[Any], other: AbstractSet[Any]) -> bool:
    """NaN is in a set twice when it is two objects."""
    if one == other:
        return True
    mine, theirs = list(one), list(other)
    return len(mine) == len(theirs) and all(any(difference(a, b) is None for b in theirs) for a in mine)


def _parts(value: Any) -> dict[str, Any]:
    slots = [n for cls in type(value).__mro__ for n in getattr(cls, "__slots__", ())]
    found = {n: getattr(value, n) for n in slots if hasattr(value, n) and n not in ("__dict__", "__weakref__")}
    return found | getattr(value, "__dict__", {})


def _place(where: str) -> str:
    return where or "the value"


def altered(given: Any, there: Any, where: str) -> str | None:
    """Where an object that was given arrives as another of its type. What arrives as another type was converted."""
    if given is there or type(given) in PLAIN or given == there:
        return None
    mine: Any = given
    theirs: Any = there
    if isinstance(given, (list, tuple)) and isinstance(there, (list, tuple)):
        pairs = enumerate(zip(mine, theirs, strict=False))
        return next((found for i, (a, b) in pairs if (found := altered(a, b, f"{where}.{i}"))), None)
    if isinstance(given, dict) and isinstance(there, dict):
        both = [k for k in mine if k in theirs]
        return next((found for k in both if (found := altered(mine[k], theirs[k], f"{where}.{k}"))), None)
    return difference(given, there, where) if type(given) is type(there) else None


def lost(value: Any, where: str) -> str | None:
    """Where an object would not be read back as what it is, by its own type; fields go by their own names."""
    kind = type(value)
    if kind in PLAIN:
        return None
    if kind is dict:
        items: Any = value.items()
        if PLAIN.issuperset(map(type, value.values())):
            return None
    elif kind in (list, tuple, set, frozenset, deque):
        if PLAIN.issuperset(map(type, value)):
            return None
        items = enumerate(value)
    else:
        return _reread(value, kind, where)
    return next((found for key, inner in items if (found := lost(inner, f"{where}.{key}"))), None)


def _reread(value: Any, kind: Any, where: str) -> str | None:
    try:
        types = adapter(kind)
    except Exception:  # not a type of pydantic's: whoever reads it says as what
        return None
    try:
        raw = to_json(value, by_alias=False)
        return difference(value, types.validate_json(raw, by_alias=True, by_name=True), where)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
        return ".".join(map(str, (where, *found)))


@lru_cache(maxsize=1024)
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The cached validator of a type."""
    return TypeAdapter(kind)
