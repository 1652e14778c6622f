"""What is acknowledged reads back equal: one state model for each way of pydantic's to write what it does not read.

Each is equal after hibernation, or refused by the field's name; never changed in silence.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import dataclass as plain_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    SerializeAsAny,
    computed_field,
    field_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from roost import Agent, App, action
from roost.contract.errors import AgentError
from roost.testing import world

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 29, 12, 30, 0, 123456, tzinfo=UTC)
ID = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Base(BaseModel):
    a: int = 0


class Sub(Base):
    b: int = 0


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    lives: int = 1


@dataclass
class Point:
    x: float = 0.0
    y: int = Field(default=0, alias="why")


@plain_dataclass
class Pair:
    x: int = 0
    y: float = 0.0


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    inside: T | None = None


class Alias(BaseModel):
    x: int = Field(default=0, alias="ex")


class ValidationAlias(BaseModel):
    x: int = Field(default=0, validation_alias="ex")


class SerializationAlias(BaseModel):
    x: int = Field(default=0, serialization_alias="ex")


class Path(BaseModel):
    x: int = Field(default=0, validation_alias=AliasPath("deep", 0))


class Choices(BaseModel):
    x: int = Field(default=0, validation_alias=AliasChoices("ex", AliasPath("deep", 0)))


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, serialize_by_alias=True)
    long_name: int = 0


class NestedAlias(BaseModel):
    rows: list[Camel] = []
    one: Alias = Alias()


class WithDataclass(BaseModel):
    point: Point = Point()


class ConstantInfinity(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    x: float = 0.0


class NullInfinity(BaseModel):
    x: float | None = 0.0


class TextInfinity(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")
    x: float = 0.0


class Bytes(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    x: bytes = b""


class UnlikeBytes(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64")
    x: bytes = b""


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    id: UUID | None = None
    at: datetime | None = None
    colour: Colour = Colour.RED
    pairs: tuple[int, ...] = ()
    tags: frozenset[str] = frozenset()


class Union(BaseModel):
    x: int | str | UUID | datetime | None = None


class FloatFirst(BaseModel):
    x: Decimal | float = 0.0


class BaseField(BaseModel):
    x: Base = Base()


class AnyBase(BaseModel):
    x: SerializeAsAny[Base] = Base()


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int = 0


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    x: int = 0


class Root(RootModel[dict[str, int]]):
    root: dict[str, int] = {}


class Computed(BaseModel):
    x: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> int:
        return 2 * self.x


class Pets(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat()


class Enums(BaseModel):
    x: Colour = Colour.RED


class EnumValues(BaseModel):
    model_config = ConfigDict(use_enum_values=True, validate_default=True)
    x: Colour = Colour.RED


class Delta(BaseModel):
    x: timedelta = timedelta(0)


class FloatDelta(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")
    x: timedelta = timedelta(0)


class Times(BaseModel):
    x: datetime | None = None


class Before(BaseModel):
    x: int = 0

    @model_validator(mode="before")
    @classmethod
    def grow(cls, data: Any) -> Any:
        return {"x": data["x"] + 1} if data else data


class Shown(BaseModel):
    x: SecretStr = SecretStr("")

    @field_serializer("x", when_used="json")
    def reveal(self, x: SecretStr) -> str:
        return x.get_secret_value()


class Rounded(BaseModel):
    x: Annotated[float, PlainSerializer(lambda x: round(x, 1))] = 0.0


class Upper(BaseModel):
    x: Annotated[str, BeforeValidator(lambda x: x.upper())] = ""


class ExcludedWhenEmpty(BaseModel):
    x: int = Field(default=0, exclude_if=lambda x: x == 0)


class ExcludedWhenBig(BaseModel):
    x: int = Field(default=0, exclude_if=lambda x: x > 9)


class JsonText(BaseModel):
    x: Json[list[int]] | None = None


class Sets(BaseModel):
    x: set[str | float] = set()


class Anything(BaseModel):
    x: Any = None


class Ints(BaseModel):
    x: int = 0
    y: float = 0.0
    z: list[int] = []
    s: str = ""


class Boxed(BaseModel):
    x: Box[int] = Box[int]()
    pair: Pair = Pair()


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


class Excluded(BaseModel):
    x: int = Field(default=0, exclude=True)


class Private(BaseModel):
    _x: int = PrivateAttr(default=0)


class NestedPrivate(BaseModel):
    inner: list[Private] = []


class Secretive(BaseModel):
    key: SecretStr = SecretStr("")


class SecretDates(BaseModel):
    rows: dict[str, Secret[str] | None] = {}


class SecretRaw(BaseModel):
    key: SecretBytes | None = None


class Unread(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    x: int = Field(default=0, serialization_alias="ex")


class Crossed(BaseModel):
    a: int = Field(default=0, alias="b")
    b: int = Field(default=0, alias="a")


class ComputedForbidden(Computed):
    model_config = ConfigDict(extra="forbid")


class ComputedKept(Computed):
    model_config = ConfigDict(extra="allow")


class GrowsAtStart(Before):
    pass


def ticket() -> UUID:
    from uuid import uuid4

    return uuid4()


class Drawn(BaseModel):
    token: UUID = Field(default_factory=ticket)


class DrawnInside(BaseModel):
    inner: Drawn = Field(default_factory=Drawn)


class NotFinite(BaseModel):
    x: float = math.inf


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (Excluded, r"Excluded\.x: exclude=True"),
        (Private, r"Private\._x: a private attribute"),
        (NestedPrivate, r"Private\._x: a private attribute"),
        (Secretive, r"Secretive\.key: a secret is written as stars; make it a str"),
        (SecretDates, r"SecretDates\.rows: a secret"),
        (SecretRaw, r"SecretRaw\.key: a secret"),
        (Unread, r"Unread\.x: it is written as 'ex' and not read"),
        (Crossed, r"Crossed\.a: its alias 'b' is the name of another field"),
        (ComputedForbidden, r"double: Extra inputs are not permitted"),
        (ComputedKept, r"ComputedKept\.double is not read back"),
        (GrowsAtStart, r"GrowsAtStart\.x is not read back"),
        (Drawn, r"Drawn\.token is another one each time.*on_start"),
        (DrawnInside, r"DrawnInside\.inner\.token is another one each time"),
        (NotFinite, r"NotFinite can't be stored"),
    ],
)  # fmt: skip
def test_what_can_be_seen_is_refused_with_the_class(model: type[BaseModel], says: str) -> None:
    with pytest.raises(TypeError, match=says):

        class Refused(Agent[model]):  # type: ignore[valid-type]
            pass


def test_a_config_default_that_changes_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Drawn\.token is another one each time"):
        types.new_class("Refused", (Agent[Base, Drawn],))


class Keys(BaseModel):
    x: int = Field(default=0, serialization_alias="ex")


class Courier(Agent[Base]):
    @action
    async def take(
        self, id: Annotated[UUID, Field(strict=True)], at: Annotated[datetime, Field(strict=True)], keys: Keys
    ) -> str:
        self.record("took", [id, at, keys.x])
        return f"{id} {at.isoformat()} {keys.x}"

    @action
    async def strict(self, given: Strict) -> str:
        return f"{given.id} {given.colour}"

    @action
    async def anything(self, given: Any) -> None: ...

    @action
    async def secret(self, given: SecretStr) -> None: ...

    @action
    async def by_tell(self) -> None:
        self.tell(self.take, ID, AT, Keys(x=4))

    @action
    async def by_schedule(self) -> None:
        self.schedule("s", 1, self.take, ID, AT, Keys(x=4))

    @action
    async def by_ask(self) -> str:
        return await self.agent(Courier, "other").take(ID, at=AT, keys=Keys(x=4))

    @action
    async def bad(self, how: str) -> None:
        self.state.a += 1
        if how == "inf":
            self.tell(self.anything, math.inf)
        elif how == "secret":
            self.tell(self.secret, SecretStr("key"))
        elif how == "kv-secret":
            self.kv.put("k", SecretStr("key"))
        elif how == "kv-model":
            self.kv.put("k", [Secretive(key=SecretStr("a"))])
        elif how == "kv-subclass":
            self.kv.put("k", {"rows": [BaseField(x=Sub(a=1, b=2))]})
        elif how == "event":
            self.record("e", {"x": math.nan})
        elif how == "result-model":
            self.kv.put("k", ConstantInfinity(x=math.inf))
        elif how == "surrogate":
            self.broadcast("\ud800")

    @action
    async def keep(self) -> list[Any]:
        self.kv.put("k", [Keys(x=7)])
        found = await self.kv.get("k", list[Keys])
        return [] if found is None else [k.x for k in found]


@pytest.mark.parametrize("restless", [False, True])
async def test_arguments_of_strict_types_arrive_by_every_way(restless: bool) -> None:
    async with world(App([Courier]), restless=restless) as w:
        agent = w.agent(Courier, "a")
        assert await agent.take(ID, AT, Keys(x=4)) == f"{ID} {AT.isoformat()} 4"
        assert await agent.strict(Strict(id=ID, colour=Colour.BLUE)) == f"{ID} Colour.BLUE"
        assert await agent.by_ask() == f"{ID} {AT.isoformat()} 4"
        await agent.by_tell()
        await agent.by_schedule()
        await w.advance(seconds=2)
        took = [e for e in await w.events(Courier, "a") if e.kind == "took"]
        assert len(took) == 3 and len({str(e.data) for e in took}) == 1
        assert await agent.keep() == [7]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("inf", "not finite"),
        ("secret", "argument 1 would not arrive"),
        ("kv-secret", "the value would not be read back"),
        ("kv-model", "the value.0.key would not be read back"),
        ("kv-subclass", "the value.rows.0.x would not be read back"),
        ("event", "not finite"),
        ("result-model", "not finite"),
        ("surrogate", "lone surrogate"),
    ],
)
async def test_what_would_change_is_refused_at_its_door(how: str, says: str) -> None:
    async with world(App([Courier])) as w:
        agent = w.agent(Courier, "a")
        with pytest.raises(AgentError, match=says):
            await agent.bad(how)
        await w.settle()
        assert not await w.events(Courier, "a")
        await agent.anything(1)
        assert await w.state(Courier, "a") == {"a": 0}
