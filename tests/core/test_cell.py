"""A cell alone: who waits in it, who is refused, when its work is begun."""

from __future__ import annotations

from typing import Any

import pytest

from roost import Agent, action
from roost.contract.commit import Letter
from roost.engine.cell import Cell
from roost.tick.image import Image
from tests.core.rig import Bench

pytestmark = pytest.mark.anyio


class Lamp(Agent):
    @action
    async def on(self) -> None:
        pass


async def idle(cell: Any) -> None:
    """Work that leaves all where it is."""


class Still(Bench):
    """A host whose cells are given work that does nothing."""

    def __init__(self) -> None:
        super().__init__(Lamp)
        self.runtime.cells[self.address] = Cell(self.runtime, self.runtime.app.kind(Lamp.kind), self.address, idle)


async def test_one_work_is_begun_however_many_come() -> None:
    bench = Still()
    bench.cell.put(bench.call("on"))
    work = bench.cell.task
    bench.cell.put(bench.call("on"))
    assert bench.cell.pumping and bench.cell.task is work and len(bench.cell.mailbox) == 2
    await bench.host.settle()


async def test_the_same_key_waits_for_the_first() -> None:
    bench = Still()
    first, again, other = bench.call("on", id="k"), bench.call("on", id="k"), bench.call("on", id="k")
    other.fingerprint = b"other"
    for one in (first, again, other):
        bench.cell.put(one)
    assert len(bench.cell.mailbox) == 1 and first.followers == [again]
    assert [r.error.code for r in bench.results if r.error] == ["key-reused"]
    await bench.host.settle()


async def test_a_full_mailbox_refuses() -> None:
    bench = Still()
    for _ in range(bench.runtime.limits.mailbox):
        bench.cell.put(bench.call("on"))
    bench.cell.put(bench.call("on", id="k"))
    (result,) = bench.results
    assert result.outcome == "limit" and not bench.cell.mailbox.ids
    await bench.host.settle()


async def test_a_letter_behind_those_that_are_not_loaded_waits_in_the_store() -> None:
    bench = Still()
    image = bench.run(bench.call("on")).image
    image.waiting = 3
    bench.cell.put_letter(Letter("l", "client", "", "on", b'{"args":[],"kwargs":{}}', n=9))
    assert image.waiting == 4 and not image.letters and not len(bench.cell.mailbox)


async def test_forgetting_keeps_the_mailbox() -> None:
    bench = Still()
    bench.run(bench.call("on"))
    bench.cell.put(bench.call("on"))
    bench.cell.forget()
    assert bench.cell.image is None and bench.cell.agent is None and len(bench.cell.mailbox) == 1
    assert not bench.cell.idle
    await bench.host.settle()


async def test_a_doubt_is_looked_into() -> None:
    bench = Still()
    assert isinstance(bench.run(bench.call("on")).image, Image)
    bench.cell.doubt()
    assert bench.cell.doubted and bench.cell.look and bench.cell.pumping
    await bench.host.settle()
