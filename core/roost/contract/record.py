"""Frozen, slotted records: what passes between layers.

Frozen for the type checkers, who refuse an assignment. At run time nothing guards them: `__init__` of a frozen
dataclass sets each field through `object.__setattr__`, which made a Trigger or a Snapshot take ten times as long, and
every tick makes several. Only code of this project, checked strictly, ever holds one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from typing_extensions import dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make it one; equal and hashed by its fields."""
    made = dataclass(slots=True, unsafe_hash=True, repr=False)(cls)
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _repr  # type: ignore[method-assign]  # one for all: making a class's own costs each cold start
    return made


def _repr(self: Any) -> str:
    """As a dataclass has it."""
    said = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
    return f"{type(self).__qualname__}({said})"
