"""State models: one for each way of pydantic's to write what it does not read."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    RootModel,
    SecretStr,
    SerializeAsAny,
    computed_field,
    field_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

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


class Complex(BaseModel):
    x: complex = 0j


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
