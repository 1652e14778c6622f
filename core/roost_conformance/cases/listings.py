"""Rule 31: the list of agents."""

from __future__ import annotations

from ..case import case
from ..probes.refusal import refusal
from ..stage import Stage

BOUND = 60.0
"""Seconds within which a new agent is on the list."""


@case("31", "agents are listed by kind and by the beginning of their key, with their version; destroyed ones are not")
async def agents_are_listed(stage: Stage) -> None:
    async with stage.client() as client:
        prefix = stage.key("/é")
        keys = [f"{prefix}{n}" for n in range(4)]
        for key in keys:
            await client.agent("counter", key).call("increment")
        await client.agent("once", keys[0]).call("add")
        await client.agent("counter", stage.key()).call("increment")

        async def listed(kind: str | None, count: int) -> list[tuple[str, str]]:
            async def probe() -> list[tuple[str, str]]:
                rows = [(r["kind"], r["key"]) async for r in client.agents(kind=kind, prefix=prefix)]
                return rows if len(rows) == count else []

            found: list[tuple[str, str]] = await stage.until(probe, within=BOUND)
            return sorted(found)

        assert await listed("counter", 4) == [("counter", key) for key in keys]
        assert await listed(None, 5) == [*(("counter", key) for key in keys), ("once", keys[0])]
        [row] = [r async for r in client.agents(kind="counter", prefix=keys[1])]
        assert row["version"] == (await client.agent("counter", keys[1]).snapshot()).version
        await client.agent("counter", keys[2]).destroy()
        assert await listed("counter", 3) == [("counter", key) for key in keys if key != keys[2]]


@case("31", "a list comes in pages, each agent once, in one order")
async def list_comes_in_pages(stage: Stage) -> None:
    async with stage.client() as client, stage.http(admin=True) as http:
        prefix = stage.key("-")
        keys = [f"{prefix}{n}" for n in ("1", "10", "2", "é", "\uffee", "\U0001f642", "z")]
        for key in keys:
            await client.agent("counter", key).call("increment")

        async def all_there() -> bool:
            return len([r async for r in client.agents(kind="counter", prefix=prefix)]) == len(keys)

        await stage.until(all_there, within=BOUND)
        whole = [r["key"] async for r in client.agents(kind="counter", prefix=prefix)]
        assert sorted(whole) == sorted(keys)
        for limit in (1, 2, 3, 100):
            paged = [r["key"] async for r in client.agents(kind="counter", prefix=prefix, limit=limit)]
            assert paged == whole, f"in pages of {limit}: {paged}, not {whole}"
        answer = await http.get("/v1/agents", params={"kind": "counter", "prefix": prefix, "limit": 2})
        page = answer.json()
        assert len(page["agents"]) == 2 and page["cursor"], page


@case("31", "an unknown kind and a cursor that is none are refused")
async def bad_listing_is_refused(stage: Stage) -> None:
    async with stage.client() as client, stage.http(admin=True) as http:

        async def first(kind: str) -> object:
            return [r async for r in client.agents(kind=kind)]

        error = await refusal(first("no-such-kind"))
        assert error.status in {404, 422} and "no-such-kind" in error.message, repr(error)
        answer = await http.get("/v1/agents", params={"cursor": "???"})
        assert 400 <= answer.status_code < 500, answer.text
