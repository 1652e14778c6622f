"""Frozen, slotted records: what passes between layers.

Frozen for the type checkers, who refuse an assignment. At run time nothing guards them: `__init__` of a frozen
dataclass sets each field through `object.__setattr__`, which made a Trigger or a Snapshot take ten times as long, and
every tick makes several. Only code of this project, checked strictly, ever holds one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from typing_extensions import dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make it one; equal and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
