"""Each way an author can change the state, or spoil it."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

from roost import Agent, action


class Leaf(BaseModel):
    tags: list[str] = []


class Form(BaseModel):
    count: int = 0
    leaf: Leaf = Leaf()
    rows: dict[str, list[int]] = {}
    ratio: float = 0.0


class Shape(Agent[Form]):
    @action
    async def nest(self, tag: str) -> None:
        """Deep inside, and nothing assigned."""
        self.state.leaf.tags.append(tag)
        self.state.rows.setdefault(tag, []).append(1)

    @action
    async def replace(self, count: int) -> None:
        self.state = Form(count=count)

    @action
    async def touch(self) -> int:
        """Reads and changes nothing."""
        return self.state.count + len(self.state.leaf.tags)

    @action
    async def restore(self) -> None:
        """There and back again; another object of the same value."""
        self.state.count += 1
        self.state.count -= 1
        self.state = Form.model_validate(self.state.model_dump())

    @action
    async def typo(self) -> None:
        self.state.count = 99
        setattr(self.state, "cuont", 1)  # noqa: B010 (a type checker would see it otherwise)

    @action
    async def wrong_type(self) -> None:
        self.state.leaf.tags.append("good")
        self.state.count = cast(Any, "many")

    @action
    async def wrong_inside(self) -> None:
        self.state.rows["a"] = cast(Any, ["b"])

    @action
    async def wrong_model(self) -> None:
        self.state = cast(Any, Leaf())

    @action
    async def not_a_number(self) -> None:
        self.state.ratio = float("nan")

    @action
    async def read(self) -> dict[str, Any]:
        """What the next tick sees."""
        return self.state.model_dump()


AGENTS: list[type[Agent[Any, Any]]] = [Shape]
