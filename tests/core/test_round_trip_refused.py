"""What would not be read back as it was written is refused: with its class where that can be seen, else at its door."""

from __future__ import annotations

import math
import types
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    Secret,
    SecretBytes,
    SecretStr,
)

from roost import Agent, App, action
from roost.contract.errors import AgentError
from roost.testing import world

from .written import AT, ID, Base, BaseField, Before, Colour, Computed, ConstantInfinity, Strict, Sub

pytestmark = pytest.mark.anyio


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
