"""Takes any value at any door, and says what it became; its own fields go by other names when they are given."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from roost import Agent, Connection, Request, Response, action


class Paint(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    name: str = ""


class Jewel(Item):
    carats: int = 0


class Ticket(BaseModel):
    """Its types take text only where they know that it is JSON."""

    model_config = ConfigDict(strict=True)
    id: UUID
    at: datetime
    paint: Paint = Paint.RED


class Hoard(BaseModel):
    label: str = Field(default="", alias="lbl")
    old: str = Field(default="", validation_alias="ancient")
    shown: str = Field(default="", serialization_alias="display")
    tags: set[str] = set()
    item: Item = Item()
    value: Any = None
    count: int = 0
    sizes: tuple[float, ...] = ()


class Measured(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    length: float = 0.0


def nest(depth: int) -> Any:
    """A value of so many levels, arrays and objects in turn."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


def depth_of(value: Any) -> int:
    depth = 0
    while isinstance(value, (dict, list)):
        value = value["in"] if isinstance(value, dict) else value[0]  # pyright: ignore[reportUnknownVariableType]
        depth += 1
    return depth


class Coffer(Agent[Hoard]):
    # What comes in ------------------------------------------------------------------------------------

    @action
    async def measure(self, value: Any) -> int:
        self.state.count += 1
        return depth_of(value)

    @action
    async def echo(self, value: Any) -> Any:
        return value

    @action
    async def loose(self, **given: int) -> int:
        self.state.count += 1
        return sum(given.values())

    @action
    async def redeem(self, ticket: Ticket, paint: Annotated[Paint, Field(strict=True)] = Paint.RED) -> str:
        line = f"{ticket.id} {ticket.at.isoformat()} {ticket.paint.value} {paint.value}"
        self.record("redeemed", line)
        return line

    @action
    async def sort(self, value: date | str, *more: UUID | str) -> list[str]:
        found = [type(x).__name__ for x in (value, *more)]
        self.record("sorted", found)
        return found

    @action
    async def sort_by_agents(self) -> list[str]:
        """A date by a tell, a schedule, an ask and KV."""
        day, other = date(2026, 3, 29), self.agent(Coffer, f"{self.key}-other")
        self.tell(other.sort, day, UUID(int=1))
        self.schedule("sort", 0, self.sort, day, UUID(int=1))
        self.kv.put("day", day)
        kind: Any = date | str
        return [*await other.sort(day, UUID(int=1)), type(await self.kv.get("day", kind)).__name__]

    @action
    async def claims(self) -> Any:
        return dict(self.caller.claims) if self.caller is not None else None

    async def on_connect(self, connection: Connection, /) -> None:
        if connection.caller is not None:
            connection.send({"you": dict(connection.caller.claims)})

    # What goes out by each door -----------------------------------------------------------------------

    @action
    async def nested(self, door: str, depth: int) -> Any:
        return await self._through(door, nest(depth))

    @action
    async def long(self, door: str, digits: int) -> Any:
        return await self._through(door, 10 ** (digits - 1))

    @action
    async def endless(self, door: str, in_model: bool = False) -> Any:
        return await self._through(door, Measured(length=math.inf) if in_model else [math.nan])

    @action
    async def halved(self, door: str) -> Any:
        """Text that is half a character."""
        return await self._through(door, "\ud800")

    async def _through(self, door: str, value: Any) -> Any:
        self.state.count += 1
        if door == "result":
            return value
        if door == "state":
            self.state.value = value
        elif door == "kv":
            self.kv.put("value", value)
        elif door == "event":
            self.record("value", value)
        elif door == "tell":
            self.tell(self.agent(Coffer, f"{self.key}-other").measure, value)
        elif door == "schedule":
            self.schedule("later", 3600, self.measure, value)
        elif door == "ask":
            return await self.agent(Coffer, f"{self.key}-other").measure(value)
        elif door == "emit":
            self.emit(value)
        elif door == "broadcast":
            self.broadcast(value)
        elif door == "attachment":
            for connection in self.connections:
                connection.attachment = value
        return None

    @action
    async def chunks(self, depth: int) -> AsyncIterator[Any]:
        self.state.count += 1
        yield nest(depth)

    async def on_request(self, request: Request, /) -> Response:
        self.state.count += 1
        return Response(nest(int(request.query.partition("=")[0])))

    @action
    async def stored(self) -> list[int]:
        """How deep what was stored is: state, value, event, attachments."""
        kept = await self.kv.get("value", object)
        events = await self.events(kinds=["value"])
        return [
            depth_of(self.state.value), depth_of(kept), *(depth_of(e.data) for e in events),
            *(depth_of(c.attachment) for c in self.connections),
        ]  # fmt: skip

    # What is kept under other names -------------------------------------------------------------------

    @action
    async def name(self, text: str, *tags: str) -> None:
        self.state.label = self.state.old = self.state.shown = text
        self.state.tags = set(tags)

    @action
    async def names(self) -> list[Any]:
        return [self.state.label, self.state.old, self.state.shown, sorted(self.state.tags)]

    @action
    async def hide_a_jewel(self) -> None:
        """A field of a base class would be written without what the subclass adds."""
        self.state.count += 1
        self.state.item = Jewel(name="ring", carats=4)

    @action
    async def disguise_a_jewel(self) -> None:
        """Its bytes are those of the item that is there."""
        self.state.item = Jewel(name=self.state.item.name, carats=4)

    @action
    async def measure_all(self, count: int) -> None:
        """Whole numbers in a list, where a tuple of floats is declared."""
        self.state.sizes = cast(Any, [0] * count)

    @action
    async def item(self) -> str:
        return type(self.state.item).__name__

    @action
    async def hide_in_kv(self) -> None:
        self.kv.put("hoard", [Hoard(item=Jewel(name="ring", carats=4))])

    @action
    async def keep_in_kv(self, text: str) -> list[str]:
        """Fields with other names, by KV and by a tell to itself."""
        hoard = Hoard.model_validate({"lbl": text, "ancient": text, "shown": text})
        self.kv.put("hoard", [hoard])
        self.tell(self.agent(Coffer, self.key).unpack, hoard)
        found = await self.kv.get("hoard", list[Hoard])
        return [] if found is None else [found[0].label, found[0].old, found[0].shown]

    @action
    async def unpack(self, hoard: Hoard) -> None:
        self.record("unpacked", [hoard.label, hoard.old, hoard.shown])

    @action
    async def send_tickets(self, ticket: Ticket) -> str:
        """The same ticket by a tell, a schedule and an ask."""
        other = self.agent(Coffer, f"{self.key}-other")
        self.tell(other.redeem, ticket, Paint.BLUE)
        self.schedule("redeem", 0, self.redeem, ticket, Paint.BLUE)
        return await other.redeem(ticket, Paint.BLUE)

    @action
    async def put(self, key: str) -> None:
        self.state.count += 1
        self.kv.put(key, 1)

    @action
    async def plan(self, key: str) -> None:
        self.state.count += 1
        self.schedule(key, 3600, self.claims)

    @action
    async def reach(self, key: str) -> None:
        self.state.count += 1
        self.tell(self.agent(Coffer, key).claims)

    @action
    async def count(self) -> int:
        return self.state.count


AGENTS: list[type[Agent[Any, Any]]] = [Coffer]
