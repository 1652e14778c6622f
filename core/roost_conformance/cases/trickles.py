"""Rules 4 and 18: streamed chunks come live, the end of the stream only once the tick is committed."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.barrier import Barrier
from ..probes.committed import committed
from ..probes.refusal import refusal
from ..stage import Stage


@case("18", "a caller who can't stream gets the chunks of a streaming action as one list")
async def stream_is_gathered_for_http(stage: Stage) -> None:
    async with stage.agent("trickle") as trickle:
        assert await trickle.call("drip", 3) == [1, 2, 3]
        assert await trickle.call("drip", 0) == []
        assert await trickle.call("peek", 2) == [0, 1]
        assert (await trickle.state())["fallen"] == 3
        assert await trickle.call("drip", 2, idempotency_key="k") == [1, 2]
        assert await trickle.call("drip", 2, idempotency_key="k") == [1, 2]
        assert (await trickle.state())["fallen"] == 5, "a repeated key ran again"
        error = await refusal(trickle.call("drip", 2, fail=True), "dry")
        assert error.status == 409
        assert (await trickle.state())["fallen"] == 5, "a stream that failed left its state"


@case("18", "chunks reach a connection while the tick runs; the end comes after the commit")
async def chunks_are_live(stage: Stage) -> None:
    async with stage.client() as client:
        trickle, gate = client.agent("trickle", stage.key()), Barrier(stage, client)
        async with trickle.connect(listen=False) as connection:
            stream = connection.stream("drip", 3, gate.key)
            async with asyncio.timeout(10):
                assert await anext(stream) == 1, "the first chunk"
            assert await committed(trickle) in (None, {"fallen": 0}), "the tick is committed before its end"
            await gate.open()
            assert [chunk async for chunk in stream] == [2, 3]
        assert (await trickle.state())["fallen"] == 3, "the stream ended before the commit"


@case("18", "a stream whose tick fails ends with the error; its chunks were seen, its effects are not there")
async def failed_stream_ends_with_the_error(stage: Stage) -> None:
    async with stage.agent("trickle") as trickle:
        async with trickle.connect(listen=False) as connection:
            stream, seen = connection.stream("drip", 2, fail=True), list[int]()

            async def drain() -> None:
                async for chunk in stream:
                    seen.append(chunk)

            error = await refusal(drain(), "dry")
            assert error.status == 409 and seen == [1, 2], f"{seen}, then {error!r}"
            assert await committed(trickle) in (None, {"fallen": 0})
            assert await connection.call("drip", 1) in ([1], None)
        assert (await trickle.state())["fallen"] == 1


@case("18", "a reader who leaves does not stop the tick")
async def leaving_reader_does_not_stop_the_tick(stage: Stage) -> None:
    async with stage.client() as client:
        trickle, gate = client.agent("trickle", stage.key()), Barrier(stage, client)
        async with trickle.connect(listen=False) as connection:
            stream = connection.stream("drip", 3, gate.key)
            assert await anext(stream) == 1
        await asyncio.sleep(0.1)  # the server sees that the connection is gone
        await gate.open()

        async def fallen() -> bool:
            return bool(await committed(trickle) == {"fallen": 3})

        await stage.until(fallen)
