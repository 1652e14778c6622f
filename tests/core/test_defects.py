"""Deliberate defects that no drawn world reaches: each must make the test fail that is named beside it.

Those that the simulation sees are in `tests/simulation/mutations.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pytest

from roost import Address
from roost.author.resource import Resource, Resources
from roost.contract.commit import Row
from roost.contract.result import TickResult
from roost.engine import retries, viewing
from roost.engine.cell import Cell
from roost.engine.mailbox import Waiting
from roost.protocol import frames
from roost.tick.glimpse import Glimpse

from . import test_release, test_resources, test_retries, test_round_trip_refused, test_views

pytestmark = pytest.mark.anyio
Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]
Test: TypeAlias = Callable[..., Awaitable[None] | None]


@dataclass(frozen=True)
class Defect:
    """`given`: arguments of the test besides the fixtures it asks for."""

    name: str
    patch: Patch
    test: Test
    given: tuple[Any, ...] = ()
    world: Callable[[], test_retries.World] | None = None
    """Makes what the fixture `world` would."""


def _each_its_own(m: pytest.MonkeyPatch) -> None:
    whole = Resources._opened  # pyright: ignore[reportPrivateUsage]

    async def opened(self: Resources, one: Resource[Any]) -> None:
        self._hands.pop(one, None)  # pyright: ignore[reportPrivateUsage]
        await whole(self, one)

    m.setattr(Resources, "_opened", opened)


def _no_end(m: pytest.MonkeyPatch) -> None:
    async def close(self: Resources) -> None: ...

    m.setattr(Resources, "close", close)


def _no_look(m: pytest.MonkeyPatch) -> None:
    def same(first: object, second: object) -> None:
        return None

    m.setattr("roost.author.kind.difference", same)


def _blind(m: pytest.MonkeyPatch) -> None:
    def glimpse(address: Address, at: float, rows: Iterable[Row]) -> Glimpse:
        return Glimpse(address, at, ())

    m.setattr(viewing, "Glimpse", glimpse)


def _loud(m: pytest.MonkeyPatch) -> None:
    def state(view: Callable[[], bytes]) -> tuple[bytes, str]:
        return frames.state(view()), ""

    m.setattr("roost.sockets.greeting.state_frame", state)


def _as_it_is(cell: Cell, waiting: Waiting, result: TickResult) -> TickResult:
    return result


def _whole(m: pytest.MonkeyPatch) -> None:
    m.setattr("roost.engine.release.ends", _as_it_is)


def _uncut(m: pytest.MonkeyPatch) -> None:
    whole = Cell.__setattr__

    def kept(self: Cell, name: str, value: object) -> None:
        whole(self, name, False if name == "cut" else value)

    m.setattr(Cell, "__setattr__", kept)


def _steady(m: pytest.MonkeyPatch) -> None:
    m.setattr(retries, "LONGEST", retries.FIRST)


DEFECTS: Final = (
    Defect("agents that wake together open a resource each", _each_its_own,
           test_resources.test_agents_that_wake_together_open_it_once),
    Defect("a resource is never closed", _no_end, test_resources.test_agents_that_wake_together_open_it_once),
    Defect("a default that is another one each time is shared by all agents", _no_look,
           test_round_trip_refused.test_what_can_be_seen_is_refused_with_the_class,
           (test_round_trip_refused.Drawn, r"Drawn\.token is another one each time")),
    Defect("a view does not see who is connected", _blind, test_views.test_a_view_has_its_snapshot),
    Defect("a view that fails ends the connection", _loud,
           test_views.test_a_view_that_fails_after_the_commit_costs_the_view_alone),
    Defect("what can't wake is tried as often for ever", _steady,
           test_retries.test_an_on_start_that_fails_is_tried_ever_less_often, world=test_retries.fresh),
    Defect("a stream of which chunks were withheld ends well", _whole,
           test_release.test_a_stream_whose_chunks_were_not_sent_does_not_end_well),
    Defect("nobody notes that chunks were withheld", _uncut,
           test_release.test_a_stream_whose_chunks_were_not_sent_does_not_end_well),
)  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda x: x.name)
async def test_a_defect_is_seen(
    defect: Defect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    test_resources.seen.clear()
    fixtures = {"monkeypatch": monkeypatch, "caplog": caplog, "world": defect.world() if defect.world else None}
    given = defect.given or tuple(fixtures[name] for name in inspect.signature(defect.test).parameters)
    with monkeypatch.context() as patch:
        defect.patch(patch)
        assert await _fails(defect.test, given), "nothing was seen"


async def _fails(test: Test, given: tuple[Any, ...]) -> bool:
    try:
        work = test(*given)
        if work is not None:
            await work
    except (Exception, pytest.fail.Exception):
        return True
    return False
