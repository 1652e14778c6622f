# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of the way that letters and envelopes go: their order, those beyond a snapshot, their end."""

from __future__ import annotations

from typing import Any, Final

import pytest

from roost.contract.commit import Commit, Envelope
from roost.engine import cell, delivery
from roost.engine.leased import giving
from roost.engine.leased.tenure import Tenure
from roost.engine.outgoing import Aside, Outgoing
from roost.tick.image import Image

from .mutation import Mutation


def _behind(m: pytest.MonkeyPatch) -> None:
    def put_aside(self: Outgoing, envelope: Envelope) -> Aside:
        aside = self.aside.setdefault(envelope.to, Aside())
        aside.envelopes.append(envelope)
        aside.failures += 1
        return aside

    m.setattr(Outgoing, "put_aside", put_aside)


def _past(m: pytest.MonkeyPatch) -> None:
    def add(self: Outgoing, envelope: Envelope) -> bool:
        self.line.append(envelope)
        return True

    m.setattr(Outgoing, "add", add)


def _newest_first(m: pytest.MonkeyPatch) -> None:
    def redeliver(one: cell.Cell, image: Image) -> None:
        one.outgoing.left.clear()
        delivery.deliver(one, [e for e in reversed(image.outbox.values()) if e.id not in one.flight])

    m.setattr("roost.engine.waking.redeliver", redeliver)


def _no_more(m: pytest.MonkeyPatch) -> None:
    plan = Image.plan

    def near(self: Image, commit: Commit, promised: Any = ()) -> None:
        waiting, self.waiting = self.waiting, len(self.letters)
        plan(self, commit, promised)
        self.waiting = waiting

    m.setattr(Image, "plan", near)


def _not_reloaded(m: pytest.MonkeyPatch) -> None:
    m.setattr(Image, "more", property(lambda self: False))


def _short_look(m: pytest.MonkeyPatch) -> None:
    m.setattr(giving, "LETTERS", 10**9)
    parked = giving._gather

    async def gather(one: Tenure, image: Image) -> None:
        store = one.runtime.store
        whole = store.parked

        async def few(address: Any, after: int, limit: int) -> Any:
            return await whole(address, after, min(limit, 2))

        m.setattr(store, "parked", few)
        try:
            await parked(one, image)
        finally:
            m.setattr(store, "parked", whole)

    m.setattr(giving, "_gather", gather)


def _settled_early(m: pytest.MonkeyPatch) -> None:
    whole = delivery._hand_over

    async def hand_over(one: cell.Cell, envelope: Envelope) -> Any:
        one.settled.append(envelope.id)
        return await whole(one, envelope)

    m.setattr(delivery, "_hand_over", hand_over)


def _refused_twice(m: pytest.MonkeyPatch) -> None:
    m.setattr(delivery, "refused_for_good", lambda error: True)


ORDERING: Final = (
    Mutation("an envelope that was not delivered goes behind the others of its receiver", _behind, first=62),
    Mutation("a tell passes those that wait for the same receiver", _past, first=43),
    Mutation("the outbox is redriven newest first", _newest_first, first=55),
    Mutation("letters beyond a snapshot do not keep the alarm near", _no_more, first=61),
    Mutation("letters beyond a snapshot are never loaded", _not_reloaded, first=61),
    Mutation("letters beyond a page are not counted when somebody rang", _short_look, "dynamo", bug=True, first=31),
    Mutation("an envelope is settled before it is delivered", _settled_early),
    Mutation("a passing refusal of an envelope is taken for a last one", _refused_twice),
)
