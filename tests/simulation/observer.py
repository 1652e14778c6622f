"""How the simulated agents speak to the simulation that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from roost.contract.errors import RoostError

if TYPE_CHECKING:
    from roost import Agent


class Observer(Protocol):
    """What a run of the simulation is told and asked."""

    def ran(self, agent: Agent[Any], op: str) -> None:
        """A handler has started; it may start again."""
        ...

    def rang(self, agent: Agent[Any], op: str, due: float) -> None:
        """A schedule's handler has started."""
        ...

    def heard(self, agent: Agent[Any], cid: str, number: int) -> None: ...
    def answered(self, agent: Agent[Any], op: str, to: str, answer: Mapping[str, Any]) -> None: ...
    def refused(self, agent: Agent[Any], op: str, to: str, error: RoostError) -> None: ...
    def torn(self, token: str, how: str) -> None:
        """The run of this token has seen two versions."""
        ...

    def late(self, token: str, how: str) -> None:
        """The run of this token went on after its deadline: it may not commit."""
        ...

    def reads(self, agent: Agent[Any]) -> None:
        """A run, its token drawn, goes on from the stored state."""
        ...

    def broken(self, rule: str, how: str) -> None:
        """A rule does not hold: the run has failed."""
        ...

    def fits(self, token: str) -> bool:
        """The model of the code that runs takes the state with this token."""
        ...

    def troubled(self) -> bool:
        """Faults still strike."""
        ...

    async def sleep(self, agent: Agent[Any], seconds: float) -> None: ...


_now: list[Observer] = []


def observer() -> Observer:
    """The one of the run that goes on."""
    return _now[-1]


def observe(by: Observer) -> None:
    """`by` is told from now on: one simulation a process at a time."""
    _now[:] = [by]
