"""What is acknowledged reads back equal: whatever a state model (written.py) is set to.

Each is equal after hibernation, or refused by the field's name; never changed in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import (
    BaseModel,
    SecretStr,
)

from roost import Agent, App, action
from roost.testing import world

from .written import (
    AT,
    ID,
    Alias,
    AnyBase,
    Anything,
    Base,
    BaseField,
    Box,
    Boxed,
    Bytes,
    Camel,
    Choices,
    Colour,
    Complex,
    Computed,
    ConstantInfinity,
    Delta,
    Dog,
    Enums,
    EnumValues,
    ExcludedWhenBig,
    ExcludedWhenEmpty,
    Extra,
    FloatDelta,
    FloatFirst,
    Frozen,
    Ints,
    JsonText,
    NestedAlias,
    NullInfinity,
    Pair,
    Path,
    Pets,
    Point,
    Root,
    Rounded,
    SerializationAlias,
    Sets,
    Shown,
    Strict,
    Sub,
    TextInfinity,
    Times,
    Union,
    UnlikeBytes,
    Upper,
    ValidationAlias,
    WithDataclass,
)

pytestmark = pytest.mark.anyio


def put(**fields: Any) -> Callable[[Any], None]:
    def change(state: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(state, name, value)

    return change


def change_root(state: Any) -> None:
    state.root["a"] = 1


SAME = "same"
Table = list[tuple[type[BaseModel], Callable[[Any], None], str]]
CHANGES: Table = [
    (Alias, put(x=5), SAME),
    (ValidationAlias, put(x=5), SAME),
    (SerializationAlias, put(x=5), SAME),
    (Path, put(x=5), SAME),
    (Choices, put(x=5), SAME),
    (Camel, put(long_name=5), SAME),
    (NestedAlias, put(rows=[Camel.model_validate({"longName": 5})], one=Alias(ex=3)), SAME),
    (WithDataclass, put(point=Point(x=1.5, why=4)), SAME),
    (ConstantInfinity, put(x=math.inf), "not finite"),
    (ConstantInfinity, put(x=math.nan), "not finite"),
    (NullInfinity, put(x=math.inf), "x would not be read back"),
    (TextInfinity, put(x=math.inf), SAME),
    (TextInfinity, put(x=math.nan), SAME),
    (Bytes, put(x=b"\xff\x00"), SAME),
    (UnlikeBytes, put(x=b"\xff\x00"), "x would not be read back"),
    (Strict, put(id=ID, at=AT, colour=Colour.BLUE, pairs=(1, 2), tags=frozenset("abc")), SAME),
    (Union, put(x=ID), "x would not be read back|same"),
    (Union, put(x="5"), SAME),
    (Union, put(x=AT), "x would not be read back|same"),
    (FloatFirst, put(x=1.5), "x would not be read back|same"),
    (BaseField, put(x=Sub(a=1, b=2)), "x would not be read back"),
    (AnyBase, put(x=Sub(a=1, b=2)), "x would not be read back"),
    (Extra, put(x=1), SAME),
    (Extra, lambda s: setattr(s, "other", [1, 2]), SAME),
    (Frozen, put(x=1), SAME),
    (Root, change_root, SAME),
    (Computed, put(x=2), SAME),
    (Pets, put(pet=Dog(lives=3)), SAME),
    (Enums, put(x=Colour.BLUE), SAME),
    (EnumValues, put(x="blue"), SAME),
    (EnumValues, put(x=Colour.BLUE), "x would not be read back"),
    (Delta, put(x=timedelta(days=-3, microseconds=7)), SAME),
    (FloatDelta, put(x=timedelta(days=300_000, microseconds=1)), "x would not be read back|same"),
    (Times, put(x=AT), SAME),
    (Shown, put(x=SecretStr("key")), SAME),
    (Rounded, put(x=0.25), "x would not be read back"),
    (Rounded, put(x=0.5), SAME),
    (Rounded, put(x=3.8e-247), "x would not be read back"),
    (Complex, put(x=complex("nan+infj")), SAME),
    (Complex, put(x=-0j), SAME),
    (Upper, put(x="low"), "x would not be read back"),
    (Upper, put(x="HIGH"), SAME),
    (ExcludedWhenEmpty, put(x=5), SAME),
    (ExcludedWhenBig, put(x=10), "x would not be read back"),
    (JsonText, put(x=[1, 2]), "x: JSON input should be"),
    (Sets, put(x={"a", "b", 1.5}), SAME),
    (Anything, put(x=[1, {"a": None}]), SAME),
    (Anything, put(x=(1, 2)), SAME),
    (Anything, put(x=AT), "x would not be read back"),
    (Anything, put(x={1: 2}), "x.1 would not be read back"),
    (Anything, put(x=Base(a=1)), "x would not be read back"),
    (Anything, put(x=[math.inf]), "x.0 would not be read back"),
    (Anything, put(x="\ud800"), "state can't be written as JSON"),
    (Ints, put(x=10**3999), SAME),
    (Ints, put(x=10**4000), "more than 4000 digits"),
    (Ints, put(y=10**17 + 1), "y would not be read back"),
    (Ints, put(y=3, z=[1, 2]), SAME),
    (Ints, put(s="[[{NaN Infinity \\\"" * 50), SAME),
    (Boxed, put(x=Box[int](inside=4), pair=Pair(1, 2.5)), SAME),
]  # fmt: skip


@pytest.mark.parametrize(("model", "change", "outcome"), CHANGES, ids=lambda x: getattr(x, "__name__", str(x)[:24]))
async def test_a_change_is_read_back_or_refused_by_name(
    model: type[BaseModel], change: Callable[[Any], None], outcome: str
) -> None:
    seen: list[Any] = []

    class Kept(Agent[model]):  # type: ignore[valid-type]
        @action
        async def change(self) -> None:
            state: Any = self.state
            change(state)
            seen.append(state.model_copy(deep=True))

        @action
        async def read(self) -> None:
            state: Any = self.state
            seen.append(state.model_copy(deep=True))

    async with world(App([Kept])) as w:
        agent = w.agent(Kept, "a")
        await agent.read()
        failed: Exception | None = None
        try:
            await agent.change()
        except Exception as error:
            failed = error
        wrote = seen[-1]
        for _ in range(2):
            await agent.read()
            now = seen[-1]
            if failed is None:
                assert "same" in outcome, f"{wrote!r} became {now!r}"
                assert _equal(now, wrote), f"{wrote!r} became {now!r}"
            else:
                assert outcome != SAME, repr(failed)
                assert any(words in str(failed) for words in outcome.split("|")), repr(failed)
                assert now == model()
            await w.hibernate(Kept, "a")


def _equal(one: BaseModel, other: BaseModel) -> bool:
    """Equal, or equal as text where NaN or a tuple would not be."""
    marks = str.maketrans("()", "[]")
    return one == other or repr(one).translate(marks) == repr(other).translate(marks)
