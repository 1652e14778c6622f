"""Rolling deploys: what a newer version of the app stored waits for that version (rule 12)."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, TransientError, action
from roost.contract.commit import Commit
from roost.contract.trigger import Call
from roost.testing import world

pytestmark = pytest.mark.anyio


class Note(BaseModel):
    text: str = ""


class Pad(Agent[Note]):
    @action
    async def write(self, text: str) -> None:
        self.state.text = text


app = App([Pad])
THERE = Address("pad", "p")


@pytest.mark.parametrize("newer", ["state", "records"])
async def test_a_newer_schema_is_refused_for_now_and_never_quarantined(newer: str) -> None:
    async with world(app) as w:
        commit = Commit(THERE, 1, 0, 1, w.now, state=b'{"text":1,"shape":"new"}', state_version=2)
        if newer == "records":
            commit.schema, commit.state_version = 2, 1
        await w.store.commit(commit)
        with pytest.raises(TransientError, match="newer version of this app") as caught:
            await w.agent(Pad, "p").write("x")
        assert caught.value.code == "newer-schema"
        assert caught.value.retry_after
        assert w.backend.runtime.cells[THERE].status == "asleep"
        assert (await w.backend.runtime.snapshot(THERE)).version == 1


async def test_a_tell_to_it_is_taken_and_waits() -> None:
    async with world(app) as w:
        await w.store.commit(Commit(THERE, 1, 0, 1, w.now, state=b"{}", state_version=2))
        assert await w.backend.runtime.tell(THERE, Call("write", ("x",)))
        await w.advance(minutes=10)
        snapshot = await w.backend.runtime.snapshot(THERE)
        assert (snapshot.waiting, snapshot.dead) == (1, 0)
