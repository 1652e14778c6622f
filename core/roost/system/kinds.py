"""Agents of Roost itself: they live in the deployment's own store, on every backend, and no route leads to them.

Their kinds hold a dot, which no author's kind may; each loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import AUDIT, TICKETS

if TYPE_CHECKING:
    from ..author.kind import Kind


def find(name: str) -> Kind | None:
    """The kind of that name; None: Roost has none."""
    if name == TICKETS:
        from .tickets import Tickets

        return Tickets._kind  # pyright: ignore[reportPrivateUsage]
    if name == AUDIT:
        from .audit import Audit

        return Audit._kind  # pyright: ignore[reportPrivateUsage]
    return None
