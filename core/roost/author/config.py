"""An agent's config: typed, validated, first source wins; one report of everything that is missing or unknown.

The core reads no environment: an adapter hands the sources in, strongest first (command line, environment
`ROOST_<KIND>__<FIELD>`, `[tool.roost.config.<kind>]`), each as {kind: {field: text or data}}. Tables of two sources
are merged field by field. Text is taken as it stands; where the field can't be text, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, Final, cast, get_args
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import from_json

from ..contract.errors import Rejected
from .action import describe
from .kind import Kind

ConfigTable = Mapping[str, Mapping[str, Any]]

CONTAINERS: Final = frozenset({"list_type", "dict_type", "model_type", "model_attributes_type", "set_type",
                               "tuple_type", "frozen_set_type", "dataclass_type", "mapping_type"})  # fmt: skip
"""Types of pydantic's errors that say: this is no list, table or model."""

_ATOMS = (
    str, bytes, int, float, bool, NoneType, SecretStr, SecretBytes, Enum, date, time, timedelta, UUID, Decimal, Path,
)  # fmt: skip
"""Values that can't be changed."""


def own_copy(config: BaseModel) -> BaseModel:
    """A copy that shares nothing that can be changed: cheap where its fields are plain values."""
    if not config.model_fields_set and not config.__dict__:
        return config
    return config.model_copy(deep=not all(isinstance(value, _ATOMS) for value in config.__dict__.values()))


def from_environment(environment: Mapping[str, str], kinds: Iterable[Kind]) -> dict[str, dict[str, Any]]:
    """The `ROOST_<KIND>__<FIELD>` variables, in any case; `ROOST_<KIND>__<FIELD>__<SUB>` is one field of a table.

    A variable of a kind that names no field is kept, so that `resolve` can name it. Keys of a dict stay as written.
    """
    found: dict[str, dict[str, Any]] = {}
    # The field before its parts, which are put into it; the name in capitals last, and so strongest.
    ordered = sorted(environment.items(), key=lambda item: (item[0].upper(), item[0].isupper()))
    for kind in kinds:
        prefix = variable(kind.name)
        for name, value in ordered:
            if name.upper().startswith(prefix) and len(name) > len(prefix):
                own = found.get(kind.name, {})
                given = nested(_path(kind.config_type, name[len(prefix) :]), value)
                found[kind.name] = merge(own, given)
    return found


def variable(kind: str, *path: str) -> str:
    """The environment variable of a field; of no field, what all of a kind begin with."""
    return f"ROOST_{kind.replace('-', '_').upper()}__" + "__".join(path).upper()


def nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    """`value` under the tables that `path` names."""
    for name in reversed(path):
        value = {name: value}
    return cast("dict[str, Any]", value)


def resolve(kinds: Iterable[Kind], sources: Sequence[ConfigTable]) -> dict[str, BaseModel]:
    """The config of each kind. Rejected lists every wrong, missing or unknown field of all kinds at once."""
    out: dict[str, BaseModel] = {}
    wrong: list[str] = []
    for kind in kinds:
        merged: dict[str, Any] = {}
        for source in reversed(sources):
            merged = merge(merged, source.get(kind.name, {}))
        wrong.extend(_unknown(kind, merged))
        try:
            out[kind.name] = _validated(kind.config_type, merged)
        except ValidationError as error:
            found = error.errors(include_url=False)
            fields = ", ".join(variable(kind.name, *_named(kind.config_type, e["loc"])) for e in found if e["loc"])
            how = "; lists and tables are JSON there" if any(e["type"] in CONTAINERS for e in found) else ""
            wrong.append(f"{kind.name}: {describe(error)} (set {fields}, or [tool.roost.config.{kind.name}]{how})")
    if wrong:
        raise Rejected("the config is not complete:\n  " + "\n  ".join(wrong), code="bad-config", status=500)
    return out


def _validated(model: type[BaseModel], data: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        if not _decode(data, error):
            raise
    return model.model_validate(data)


def _decode(data: dict[str, Any], error: ValidationError) -> bool:
    """Replace text that a field could not take by the JSON value it holds; whether there was any."""
    done = False
    for one in error.errors(include_url=False):
        at = _table(data)
        for step in one["loc"]:
            inner: Any = None if at is None else at.get(step)
            if at is not None and isinstance(inner, str):
                value = _json(inner)
                if not isinstance(value, str):
                    at[step] = value
                    done = True
                break
            at = _table(inner)
    return done


def _table(value: Any) -> dict[Any, Any] | None:
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType] (data of anyone)


def _json(text: str) -> Any:
    """The JSON value of a text; the text itself when it is none."""
    try:
        return from_json(text)
    except ValueError:
        return text


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` before `under`; tables of both are merged. A table given as JSON text is one."""
    out = dict(under)
    for name, value in over.items():
        before = out.get(name)
        if isinstance(before, str) and isinstance(value, dict):
            before = _json(before)
        if isinstance(before, dict) and isinstance(value, str) and isinstance(table := _json(value), dict):
            value = cast("dict[str, Any]", table)
        both = isinstance(before, dict) and isinstance(value, dict)
        out[name] = merge(cast("dict[str, Any]", before), cast("dict[str, Any]", value)) if both else value
    return out


def _unknown(kind: Kind, data: Mapping[str, Any]) -> list[str]:
    """A line for each field that the config of a kind has not."""
    model = kind.config_type
    if model.model_config.get("extra") == "allow":
        return []
    known = {*_keys(model).values(), *model.model_fields}
    has = f"it has: {', '.join(model.model_fields)}" if model.model_fields else "it has none"
    return [
        f"{kind.name}: there is no config field {name!r} ({variable(kind.name, name)}); {has}"
        for name in data
        if name not in known
    ]


def _keys(model: type[BaseModel]) -> dict[str, str]:
    """NAME or ALIAS of each field -> what validation calls it."""
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    out: dict[str, str] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
        key = name if by_name or alias is None else alias
        out[name.upper()] = key
        if alias is not None:
            out.setdefault(alias.upper(), key)
    return out


def _path(model: type[BaseModel] | None, text: str) -> list[str]:
    """`FIELD__SUB` as the names of fields, whatever the case; below what is no model, as it is written."""
    parts = text.split("__")
    if model is None:
        return parts
    keys = _keys(model)
    for n in range(len(parts), 0, -1):
        key = keys.get("__".join(parts[:n]).upper())
        if key is not None:
            rest = "__".join(parts[n:])
            return [key, *_path(_inner(model, key), rest)] if rest else [key]
    return [text.lower()]


def _inner(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model that a field holds, if it holds one."""
    for name, field in model.model_fields.items():
        if key in (name, field.alias, field.validation_alias):
            for found in (field.annotation, *get_args(field.annotation)):
                if isinstance(found, type) and issubclass(found, BaseModel):
                    return found
    return None


def _named(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """The fields on the way to an error, as far as models go."""
    out: list[str] = []
    inner: type[BaseModel] | None = model
    for step in loc:
        if inner is None or not isinstance(step, str):
            break
        out.append(step)
        inner = _inner(inner, step)
    return out
