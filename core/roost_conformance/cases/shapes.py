"""Rule 13: state is bytes. Whatever changed is seen, nothing is stored that could not be loaded."""

from __future__ import annotations

from typing import Any

from roost.contract.errors import AgentError

from ..case import case
from ..probes.refusal import refusal
from ..stage import Stage


@case("13", "a change deep inside the state and a replaced state are both seen and kept")
async def nested_and_replaced_state_is_kept(stage: Stage) -> None:
    async with stage.agent("shape") as shape:
        await shape.call("nest", "a")
        await shape.call("nest", "b")
        await shape.call("nest", "a")
        await stage.evict("shape", shape.address.key)
        rows = {"a": [1, 1], "b": [1]}
        kept: dict[str, Any] = {"count": 0, "leaf": {"tags": ["a", "b", "a"]}, "rows": rows, "ratio": 0.0}
        assert await shape.call("read") == kept == await shape.state()
        await shape.call("replace", 7)
        await stage.evict("shape", shape.address.key)
        kept = {"count": 7, "leaf": {"tags": []}, "rows": {}, "ratio": 0.0}
        assert await shape.call("read") == kept == await shape.state()


@case("13", "a tick that leaves the state as it was writes nothing: the version stays")
async def unchanged_state_writes_nothing(stage: Stage) -> None:
    async with stage.agent("shape") as shape:
        await shape.call("nest", "a")
        version = (await shape.snapshot()).version
        for action in ("touch", "restore", "read"):
            await shape.call(action)
            assert (await shape.snapshot()).version == version, f"{action} wrote"
        await stage.evict("shape", shape.address.key)
        await shape.call("touch")
        assert (await shape.snapshot()).version == version, "bytes loaded and written again are not the same"
        await shape.call("nest", "b")
        assert (await shape.snapshot()).version == version + 1


@case("13", "a value of the wrong type fails the tick; the error names the field, and nothing of the tick is stored")
async def wrong_type_in_the_state_is_named(stage: Stage) -> None:
    async with stage.agent("shape") as shape:
        await shape.call("nest", "a")
        before = await shape.snapshot()
        for action, named in (
            ("wrong_type", "count"), ("wrong_inside", "rows.a.0"), ("wrong_model", "Form"), ("not_a_number", "ratio"),
        ):  # fmt: skip
            error = await refusal(shape.call(action), "bad-state")
            assert isinstance(error, AgentError) and error.status == 500, f"{action}: {error!r}"
            assert named in error.message, f"{action}: {named!r} is not named: {error.message}"
            assert await shape.call("read") == before.state, f"memory kept what {action} did"
            assert await shape.snapshot() == before, f"{action} stored something"


@case("13", "a misspelt field fails the tick, and what the tick did before is not stored")
async def misspelt_field_stores_nothing(stage: Stage) -> None:
    async with stage.agent("shape") as shape:
        await shape.call("nest", "a")
        before = await shape.snapshot()
        assert (await refusal(shape.call("typo"))).status == 500
        assert await shape.call("read") == before.state
        assert await shape.snapshot() == before
