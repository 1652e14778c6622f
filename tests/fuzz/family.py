# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportArgumentType=false, reportAttributeAccessIssue=false
# Classes made of what a table says have types that no checker can know.
"""A family of agents, one a kind of field that a state may have: pydantic has dozens, and each stores in its own way.

Loaded on every backend, so it imports Roost and pydantic alone. A model that Roost refuses at class creation is left
out, and stands in `REFUSED` with the reason.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    Json,
    JsonValue,
    RootModel,
    SecretStr,
    SerializeAsAny,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
)
from typing_extensions import TypedDict

from roost import Agent, action

LONGEST: Final = 1000
"""Characters of a text that stands for a value."""
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Leaf(BaseModel):
    name: str = "leaf"
    when: datetime | None = None
    tags: set[str] = set()


class Twig(Leaf):
    length: int = 3


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: list[str] = []


class Box(BaseModel, Generic[T]):
    inside: T | None = None


class Numbers(RootModel[list[int]]):
    root: list[int] = []


class Aliased(BaseModel):
    user_name: str = Field("", alias="userName")


class Pair(NamedTuple):
    left: int = 0
    right: str = ""


class Spot(TypedDict, total=False):
    x: float
    y: float


@dataclass
class Point:
    x: int = 0
    y: float = 0.0


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    id: UUID | None = None
    at: datetime | None = None
    colour: Colour = Colour.RED


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 0


class Base64(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    raw: bytes = b""


PLAIN: Final[dict[str, tuple[Any, Any]]] = {
    "int": (int, 0),
    "float": (float, 0.0),
    "str": (str, ""),
    "bool": (bool, False),
    "bytes": (bytes, b""),
    "decimal": (Decimal, Decimal(0)),
    "datetime": (datetime | None, None),
    "date": (date | None, None),
    "time": (time | None, None),
    "timedelta": (timedelta, timedelta(0)),
    "uuid": (UUID | None, None),
    "enum": (Colour, Colour.RED),
    "int-enum": (Level, Level.LOW),
    "literal": (Literal["a", 1, None], None),
    "list": (list[int], []),
    "set": (set[int], set()),
    "set-of-text": (set[str], set()),
    "frozenset": (frozenset[str], frozenset()),
    "tuple": (tuple[int, str], (0, "")),
    "tuple-of-any-length": (tuple[float, ...], ()),
    "deque": (deque[int], deque()),
    "dict": (dict[str, int], {}),
    "dict-by-int": (dict[int, str], {}),
    "dict-by-date": (dict[date, int], {}),
    "dict-by-float": (dict[float, int], {}),
    "dict-by-tuple": (dict[tuple[int, int], str], {}),
    "any": (Any, None),
    "json-value": (JsonValue, None),
    "union": (int | str, 0),
    "union-of-numbers": (int | float, 0),
    "union-of-text": (UUID | date | str, ""),
    "union-of-models": (Leaf | Cat, Field(default_factory=Leaf)),
    "discriminated": (Annotated[Cat | Dog, Field(discriminator="kind")], Field(default_factory=Cat)),
    "nested": (Leaf, Field(default_factory=Leaf)),
    "nested-list": (list[Leaf], []),
    "nested-subclass": (SerializeAsAny[Leaf], Field(default_factory=Leaf)),
    "generic": (Box[int], Field(default_factory=Box[int])),
    "generic-of-any": (Box[Any], Field(default_factory=Box[Any])),
    "root": (Numbers, Field(default_factory=Numbers)),
    "aliased-inside": (Aliased, Field(default_factory=Aliased)),
    "named-tuple": (Pair, Pair()),
    "typed-dict": (Spot, Field(default_factory=Spot)),
    "dataclass": (Point, Field(default_factory=Point)),
    "strict": (Strict, Field(default_factory=Strict)),
    "extra": (Open, Field(default_factory=Open)),
    "base64": (Base64, Field(default_factory=Base64)),
    "json-text": (Json[dict[str, int]] | None, None),
    "secret": (SecretStr, SecretStr("")),
    "address": (IPv4Address | None, None),
    "byte-size": (ByteSize, ByteSize(0)),
    "constrained": (Annotated[int, Field(ge=0, le=1000)], 0),
    "alias": (str, Field("", alias="theX")),
    "validation-alias": (str, Field("", validation_alias="theX")),
    "alias-choices": (str, Field("", validation_alias=AliasChoices("one", "two"))),
    "serialization-alias": (str, Field("", serialization_alias="theX")),
    "excluded": (str, Field("", exclude=True)),
    "complex": (complex, 0j),
}
"""Name -> (annotation, default) of the field `x` of a state."""


class Constants(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    x: float = 0.0


class Strings(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")
    x: float = 0.0


class Computed(BaseModel):
    x: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.x


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.x


class Rounded(BaseModel):
    x: float = 0.0

    @field_serializer("x")
    def _rounded(self, value: float) -> float:
        return round(value, 1)


class Trimmed(BaseModel):
    x: str = ""

    @field_validator("x")
    @classmethod
    def _trim(cls, value: str) -> str:
        return value.strip()


class Counting(BaseModel):
    x: int = 0

    @field_validator("x")
    @classmethod
    def _one_more(cls, value: int) -> int:
        return value + 1


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper, populate_by_name=True)
    x: int = 0


class Assigning(BaseModel):
    model_config = ConfigDict(validate_assignment=True, use_enum_values=True)
    x: Colour = Colour.RED


WHOLE: Final[dict[str, type[BaseModel]]] = {
    "inf-constants": Constants,
    "inf-strings": Strings,
    "computed": Computed,
    "computed-forbidding": Forbidding,
    "serializer": Rounded,
    "validator": Trimmed,
    "validator-that-counts": Counting,
    "alias-generator": Camel,
    "enum-values": Assigning,
}


def canonical(value: Any) -> str:
    """One text for one value, what two reads must agree on; of a long one, its end and a digest."""
    text = _text(value)
    return text if len(text) <= LONGEST else f"{sha256(text.encode(errors='surrogatepass')).hexdigest()} {text[-100:]}"


def _text(value: Any) -> str:
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(_text, value))) + "}"
    if isinstance(value, BaseModel):
        inside = {**dict(value), **(value.__pydantic_extra__ or {})}
        return f"{type(value).__name__}({_text(inside)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple, deque)):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.isoformat()}"
    return repr(value)


def agent(name: str, state: Any) -> type[Agent[Any, Any]]:
    """An agent whose state is of this model, and that takes its field `x` by every door."""
    annotation = state.model_fields["x"].rebuild_annotation()

    def typed(method: F) -> F:
        method.__annotations__["value"] = annotation  # as the author would have written it
        return method

    class Shaped(Agent[state]):
        kind = f"fuzz-{name}"

        @action
        @typed
        async def put(self, value: Any) -> str:
            self.state.x = value
            return canonical(value)

        @action
        async def read(self) -> str:
            return canonical(self.state.x)

        @action
        @typed
        async def keep(self, key: str, value: Any) -> str:
            self.kv.put(key, value)
            return canonical(value)

        @action
        async def kept(self, key: str) -> str:
            return canonical(await self.kv.get(key, annotation, None))

        @action
        @typed
        async def later(self, value: Any, seconds: float) -> None:
            self.schedule("later", seconds, self.note, value)

        @action
        @typed
        async def send(self, value: Any) -> None:
            self.tell(self.agent(type(self), self.key).note, value)

        @action
        @typed
        async def note(self, value: Any) -> None:
            self.record("note", value)

        @action
        @typed
        async def echo(self, value: Any) -> Any:
            return value

        @action
        async def notes(self) -> int:
            return len(await self.events(kinds=("note",), limit=1000))

        @action
        async def spoil(self, value: Any) -> None:
            """State that no annotation has looked at."""
            self.state.x = value

    Shaped.__name__ = Shaped.__qualname__ = f"Fuzz{name.title().replace('-', '')}"
    return Shaped


MODELS: Final[dict[str, type[BaseModel]]] = {
    **{name: create_model(f"State_{name.replace('-', '_')}", x=field) for name, field in PLAIN.items()},
    **WHOLE,
}


def family() -> tuple[dict[str, type[Agent[Any, Any]]], dict[str, str]]:
    """({name: agent}, {name: why Roost refuses the model}). A refusal must name the field or the model."""
    made: dict[str, type[Agent[Any, Any]]] = {}
    refused: dict[str, str] = {}
    for name, state in MODELS.items():
        try:
            made[name] = agent(name, state)
        except TypeError as error:
            refused[name] = str(error)
    return made, refused


AGENTS, REFUSED = family()
