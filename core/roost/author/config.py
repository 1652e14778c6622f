"""An agent's config: typed, validated, first source wins; one report of everything that is missing.

The core reads no environment: an adapter hands the sources in, strongest first (command line, environment
`ROOST_<KIND>__<FIELD>`, `[tool.roost.config.<kind>]`), each as {kind: {field: text or data}}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from ..contract.errors import Rejected
from .action import describe
from .kind import Kind

Source = Mapping[str, Mapping[str, Any]]

_ATOMS = (
    str, bytes, int, float, bool, NoneType, SecretStr, SecretBytes, Enum, date, time, timedelta, UUID, Decimal, Path,
)  # fmt: skip
"""Values that can't be changed."""


def own_copy(config: BaseModel) -> BaseModel:
    """A copy that shares nothing that can be changed: cheap where its fields are plain values."""
    if not config.model_fields_set and not config.__dict__:
        return config
    return config.model_copy(deep=not all(isinstance(value, _ATOMS) for value in config.__dict__.values()))


def from_environment(environment: Mapping[str, str], kinds: Iterable[Kind]) -> dict[str, dict[str, str]]:
    """The `ROOST_<KIND>__<FIELD>` variables that name a field of a kind's config; field names in any case."""
    found: dict[str, dict[str, str]] = {}
    for kind in kinds:
        prefix = f"ROOST_{kind.name.replace('-', '_').upper()}__"
        fields = {name.upper(): name for name in kind.config_type.model_fields}
        for name, value in environment.items():
            field = fields.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if field is not None:
                found.setdefault(kind.name, {})[field] = value
    return found


def resolve(kinds: Iterable[Kind], sources: Sequence[Source]) -> dict[str, BaseModel]:
    """The config of each kind. Rejected lists every wrong or missing field of all kinds at once."""
    out: dict[str, BaseModel] = {}
    wrong: list[str] = []
    for kind in kinds:
        merged: dict[str, Any] = {}
        for source in reversed(sources):
            merged.update(source.get(kind.name, {}))
        try:
            out[kind.name] = kind.config_type.model_validate(merged)
        except ValidationError as error:
            name = kind.name.replace("-", "_").upper()
            fields = ", ".join(f"ROOST_{name}__{str(e['loc'][0]).upper()}" for e in error.errors() if e["loc"])
            wrong.append(f"{kind.name}: {describe(error)} (set {fields}, or [tool.roost.config.{kind.name}])")
    if wrong:
        raise Rejected("the config is not complete:\n  " + "\n  ".join(wrong), code="bad-config", status=500)
    return out
