"""Asks that cross: two ticks, begun apart, that wait for each other's agents (rule 6).

An agent whose tick waits for T finds a trigger in its mailbox whose `path` names T: T's tick waits for this very agent,
so neither would go on before its deadline. One of the two asks is refused at once, and the other goes through: between
two agents the one with the smaller address keeps its ask, so that both ends, wherever they are, decide alike. In a
longer circle only the agent that sees it can tell, and refuses. A circle of more than two ticks begun apart is seen by
nobody, and ends by the deadlines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..contract.errors import TransientError

CROSSED: Final = "ask-crossed"


def crosses(me: str, awaited: Iterable[str], path: Sequence[str]) -> bool:
    """Whether `me`, whose tick waits for `awaited`, has to refuse a trigger of this path."""
    return any(to in path and (to != path[-1] or me < to) for to in awaited)


def crossed(me: str, path: Sequence[str]) -> TransientError:
    """What the asker is told."""
    return TransientError(
        f"{path[-1]} asks {me}, which waits for {' -> '.join(path)} itself; the other ask goes first",
        code=CROSSED, retry_after=0.5,
    )  # fmt: skip
