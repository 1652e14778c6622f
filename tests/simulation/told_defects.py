# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of what jobs are told: signals, questions, answers, and the bell that says there is something."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pytest

from roost.contract.journal import Fact
from roost.engine.jobs.body import Body
from roost.engine.jobs.execution import Execution
from roost.engine.jobs.waits import Waits
from roost.hosting.memory import journal as memory

from .mutation import Mutation


def _newest_first(m: pytest.MonkeyPatch) -> None:
    """Of two signals of a name the later one is taken first."""
    whole = Waits.take

    def take(self: Waits, body: Body, now: float) -> Iterable[Fact]:
        self._signals = dict(reversed(self._signals.items()))
        return whole(self, body, now)

    m.setattr(Waits, "take", take)


def _closed_by_none(m: pytest.MonkeyPatch) -> None:
    """A question whose time is over was answered by nobody, whatever the store says."""
    whole = Execution.over

    def over(self: Execution, call: Any, answer: Any, now: float) -> None:
        late = call.id in self.waits.expires and self.waits.expires[call.id] <= now
        whole(self, call, None if late else answer, now)

    m.setattr(Execution, "over", over)


def _answered_twice(m: pytest.MonkeyPatch) -> None:
    """A second answer is taken for a question that is closed."""
    m.setattr(memory, "answerable", lambda uid, question, note: None)


TOLD: Final = (
    Mutation("of two signals of a name the later is taken first", _newest_first, jobs=True, told=True),
    Mutation("a closed question is answered again", _answered_twice, first=8, jobs=True, told=True),
    Mutation("an answered question is over for its body", _closed_by_none, "sqlite", first=388, jobs=True, told=True),
)
