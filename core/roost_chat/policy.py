"""Which tools a model may call, and which calls ask somebody first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

Ruling: TypeAlias = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Patterns of tools' names (`*`, `?`, `[abc]`). Deny counts first, then ask, then allow; else `default`.

    A tool that asks by itself asks all the same: a policy takes no approval away.
    """

    allow: Sequence[str] = ()
    ask: Sequence[str] = ()
    deny: Sequence[str] = ()
    default: Ruling = "allow"

    def __post_init__(self) -> None:
        for name in ("allow", "ask", "deny"):
            given: object = getattr(self, name)
            if isinstance(given, str):
                raise TypeError(f"Policy({name}={given!r}): it is a list of patterns, for example [{given!r}]")
        if self.default not in ("allow", "ask", "deny"):
            raise ValueError(f'Policy(default={self.default!r}): it is "allow", "ask" or "deny"')

    def of(self, tool: str) -> Ruling:
        """What goes for the tool of that name."""
        rulings: tuple[tuple[Ruling, Sequence[str]], ...] = (
            ("deny", self.deny), ("ask", self.ask), ("allow", self.allow)
        )  # fmt: skip
        for ruling, patterns in rulings:
            if any(fnmatchcase(tool, pattern) for pattern in patterns):
                return ruling
        return self.default
