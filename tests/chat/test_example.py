"""The app that `scripts/dev` serves: its assistant is what it shows first, and works without a model."""

from __future__ import annotations

import pytest

from examples.shop import Support, app
from roost.testing import world
from roost_cli.console.outline import outline, sample

pytestmark = pytest.mark.anyio


async def test_it_is_shown_first() -> None:
    assert next(iter(app.kinds)) == "support"


async def test_it_looks_up_and_asks_before_it_pays() -> None:
    async with world(app) as w:
        ann = w.agent(Support, "ann")
        await ann.send("order number=8")
        await w.settle()
        assert "order 8 is a sofa for 500" in (await ann.messages())[-1].text
        await ann.send("refund number=8 amount=500")
        await w.settle()
        (ask,) = (await ann.session()).asks
        assert ask.text == "Allow refund(number=8, amount=500)?"
        await ann.answer(ask.id, True)
        await w.settle()
        assert (await w.state(Support, "ann"))["paid"] == {"8": "500"}


def test_the_line_to_paste_says_something() -> None:
    (send,) = [a for a in outline(app)[0]["actions"] if a["name"] == "send"]
    assert sample(send["schema"]) == ([], {"message": "hello"})
