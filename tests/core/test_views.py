"""Views: what they are given, and that one which fails costs itself."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, App, action
from roost.contract.errors import AgentError
from roost.testing import world

pytestmark = pytest.mark.anyio


class Purse(BaseModel):
    balance: int = 100
    notes: list[str] = []


class Shown(Agent[Purse]):
    def view(self) -> Any:
        if self.state.balance == 13:
            raise SystemExit("bad luck")
        if self.state.balance < 0:
            return self.state.notes[self.state.balance]
        if self.state.balance == 7:
            self.tell(self.add, 1)
        if self.state.balance == 8:
            return self.kv.get("x", int)
        if self.state.balance == 9:
            return self.agent(Shown, "b").add(1)
        return [self.key, self.now.timestamp(), len(self.connections), self.state.balance, self.config.model_dump()]

    @action
    async def add(self, by: int) -> int:
        self.state.balance += by
        return self.state.balance

    @action
    async def look(self) -> int:
        return self.state.balance


async def test_a_view_has_its_snapshot() -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        assert await shown.add(1) == 101
        at = w.now
        assert await w.state(Shown, "a") == ["a", at, 0, 101, {}]
        await w.advance(seconds=5)
        peer = await w.connect(Shown, "a")
        assert peer.state == ["a", at + 5, 1, 101, {}]
        await shown.add(1)
        assert peer.state == ["a", at + 5, 1, 102, {}] == await w.state(Shown, "a")


@pytest.mark.parametrize(("balance", "says"), [(13, ""), (-1, ""), (7, "`tell`"), (8, "`kv`"), (9, "`agent`")])
async def test_a_view_that_fails_refuses_the_state_before_it_is_stored(
    balance: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        await shown.add(1)
        with pytest.raises(AgentError) as failed:
            await shown.add(balance - 101)
        assert failed.value.id and says in failed.value.message, failed.value
        assert caplog.text.count(failed.value.id) == 1
        assert await shown.add(1) == 102


def _divides(_: object) -> float:
    return 1 / 0


async def test_a_view_that_fails_after_the_commit_costs_the_view_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        await shown.add(1)
        with monkeypatch.context() as newer:
            newer.setattr(Shown, "view", _divides)  # a deploy
            caplog.clear()
            with pytest.raises(AgentError) as failed:
                await w.state(Shown, "a")
            assert failed.value.id and failed.value.id in caplog.text and "ZeroDivisionError" in caplog.text
            await w.hibernate(Shown, "a")
            assert await shown.look() == 101
            peer = await w.connect(Shown, "a")
            assert peer.closed is None
            assert [f["type"] for f in peer.frames][:3] == ["cf_agent_identity", "roost_error", "cf_agent_mcp_servers"]
            assert all(f["error_id"] for f in peer.messages("roost_error"))
        assert await shown.add(1) == 102
        assert peer.state[3] == 102


def test_a_view_that_waits_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="plain `def`"):

        class Waits(Agent[Purse]):  # pyright: ignore[reportUnusedClass]
            async def view(self) -> Any:
                return 1
