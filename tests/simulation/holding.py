# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of hosts that keep what they took."""

from __future__ import annotations

from typing import Any, Final

import pytest

from roost.engine.held.held import Held

from .mutation import Mutation
from .pool_table import PoolTable


def _hasty(m: pytest.MonkeyPatch) -> None:
    """A ring is taken for heard before its letters are read."""
    whole = Held.catch_up

    async def hear(self: Held, image: Any) -> None:
        await self.holds.heard(self.address, await self.holds.rings(self.address))
        await whole(self, image)

    m.setattr(Held, "catch_up", hear)


def _passing(m: pytest.MonkeyPatch) -> None:
    """The holder's own letter passes those that other hosts have parked."""
    whole = Held.park

    async def park(self: Held, letter: Any, armed: float) -> None:
        self.ticket = 1 << 40
        await whole(self, letter, armed)

    m.setattr(Held, "park", park)


def _silent(m: pytest.MonkeyPatch) -> None:
    """Who parks a letter does not ring."""

    def ring(self: PoolTable, address: Any) -> str:
        hold = self.of(address)
        return hold.holder if self.living(hold.holder) else ""

    m.setattr(PoolTable, "ring", ring)


def _old_fence(m: pytest.MonkeyPatch) -> None:
    """Who takes an agent from a dead host keeps its fence."""
    whole = PoolTable.load

    async def load(self: PoolTable, address: Any, lease: Any = None) -> Any:
        rows = self._rows(address)
        fence = rows.fence
        found = await whole(self, address, lease)
        if lease is not None and getattr(found, "taken", "") == "dead":
            rows.fence = fence
        return found

    m.setattr(PoolTable, "load", load)


def _answer_apart(m: pytest.MonkeyPatch) -> None:
    """A guest's answer is left to a write of its own."""
    whole = Held.seal

    def seal(self: Held, *rest: Any) -> None:
        whole(self, *rest)
        rest[2].answer = None

    m.setattr(Held, "seal", seal)


def _unarmed(m: pytest.MonkeyPatch) -> None:
    """A holder that dies with a letter that it has heard of leaves no wake for it."""
    whole = Held.catch_up

    async def hear(self: Held, image: Any) -> None:
        store = self.runtime.store
        arm = store.arm

        async def never(*_: Any) -> None: ...

        vars(store)["arm"] = never
        try:
            await whole(self, image)
        finally:
            vars(store)["arm"] = arm

    m.setattr(Held, "catch_up", hear)


HOLDING: Final = (
    Mutation("a ring is taken for heard before its letters are read", _hasty, "pool"),
    Mutation("the holder's letter passes those that others have parked", _passing, "pool", bug=True),
    Mutation("who parks a letter at a holder does not ring", _silent, "pool"),
    Mutation("an agent of a dead host is taken under the same fence", _old_fence, "pool"),
    Mutation("a holder's answer to a guest is not in the commit of its tick", _answer_apart, "pool"),
    Mutation("a holder is not armed for what it has heard of", _unarmed, "pool"),
)
