"""Rule 5: outbound HTTP of a tick carries keys that are the same in every run of the same trigger."""

from __future__ import annotations

import asyncio

from roost.contract.errors import TransientError

from ..case import case
from ..probes.listener import PIECES, Listener
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


@case("5", "each request of a tick has a key of its own, and a second run of the trigger sends the same keys")
async def outbound_keys_are_stable(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        fetcher, witness = client.agent("fetcher", stage.key("-é☃ /")), Witness(stage, client)
        error = await refusal(fetcher.call("post", listener.url, witness.key, 1, idempotency_key="k"))
        assert isinstance(error, TransientError), repr(error)
        assert await fetcher.call("post", listener.url, witness.key, 1, idempotency_key="k") == ["4", "5", "6"]
        first, second = listener.keys[:3], listener.keys[3:]
        assert None not in first, f"requests without a key: {first}"
        assert len(set(first)) == 3, f"requests of one tick share a key, so all but one would be dropped: {first}"
        assert second == first, f"the second run sent other keys: {second}, not {first}"


@case("5", "other triggers send other keys: another call, caller, agent, or life of the same agent")
async def outbound_keys_are_not_shared(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as admin, stage.client(token=None) as nobody:
        key = stage.key()
        await admin.agent("fetcher", key).call("post", listener.url, idempotency_key="k")
        await admin.agent("fetcher", key).call("post", listener.url, idempotency_key="l")
        await nobody.agent("fetcher", key).call("post", listener.url, idempotency_key="k")
        await admin.agent("fetcher", stage.key()).call("post", listener.url, idempotency_key="k")
        await admin.agent("fetcher", key).destroy()
        await admin.agent("fetcher", key).call("post", listener.url, idempotency_key="k")
        assert len(listener.keys) == 15 and None not in listener.keys
        assert len(set(listener.keys)) == 15, "different triggers sent the same key"


@case("5", "tells and schedules have ids of their own, so their requests carry keys; an author's own key is left alone")
async def outbound_keys_of_tells_and_schedules(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        fetcher = client.agent("fetcher", stage.key())

        async def sent(count: int) -> None:
            async def probe() -> bool:
                return len(listener.keys) >= count

            await stage.until(probe)

        for n, how in enumerate(("tell", "schedule"), 1):
            await fetcher.call("post_later", listener.url, how)
            await sent(n)
            assert listener.keys[-1], f"a {how}'s request had no key"
        await fetcher.call("own_key", listener.url, idempotency_key="k")
        assert listener.keys[-1] == "mine"
        assert len(set(listener.keys)) == 3


@case("5", "a request that is tried again after a failure keeps its key; after its answer the same one is a new one")
async def outbound_retry_keeps_its_key(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        fetcher, witness = client.agent("fetcher", stage.key()), Witness(stage, client)
        error = await refusal(fetcher.call("persist", listener.rough, witness.key, 1, idempotency_key="k"))
        assert isinstance(error, TransientError), repr(error)
        first = list(listener.keys)
        assert None not in first and len(set(first)) == 2, f"two requests, each tried again, sent {first}"
        assert first == [first[0]] * 4 + [first[-1]] * 4, f"no answer, 503, half an answer: another key in {first}"
        assert await fetcher.call("persist", listener.rough, witness.key, 1, idempotency_key="k") == ["9", "10"]
        assert listener.keys[8:] == [first[0], first[-1]], "a second run without failures sent other keys"


@case("5", "a body is read once: a second reader gets the rest and then nothing, one that comes too late is told")
async def outbound_body_is_read_once(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        async with asyncio.timeout(15):
            whole, again, late = await client.agent("fetcher", stage.key()).call("drain", listener.pieces)
        assert whole == b"".join(PIECES).decode() and again == "", (whole, again)
        assert late in ("StreamConsumed", "StreamClosed"), late


@case("5", "a request that is never answered ends with its tick, which stores nothing")
async def unanswered_request_ends_with_the_tick(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        fetcher = client.agent("fetcher", stage.key())
        async with asyncio.timeout(10):
            error = await refusal(fetcher.call("hang", listener.url), "deadline")
            assert isinstance(error, TransientError), repr(error)
            assert len(await fetcher.call("post", listener.url)) == 3
        assert (await fetcher.state())["total"] == 3, "the tick that was cancelled left its state"


@case("5", "requests go where App(egress=) says and nowhere else, however it is spelled, redirects included")
async def egress_is_kept(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        fetcher = client.agent("fetcher", stage.key())
        here = f"{listener.url}here"
        assert await fetcher.call("reach", here) == "here"
        assert await fetcher.call("reach", f"{listener.url}away?{here}") == "here"
        metadata = "http://169.254.169.254/latest/meta-data/"
        for url in (
            metadata, "http://example.com/", "http://[fd00:ec2::254]/", "http://[::1]:9/", "http://127.0.0.2:9/",
            "http://0x7f.2:9/", "http://2852039166/", "http://metadata.google.internal/", "http://127.0.0.1.example/",
            f"{listener.url}away?{metadata}", f"{listener.url}away?http://example.com/",
        ):  # fmt: skip
            found = await fetcher.call("reach", url)
            assert found.startswith("egress-refused: no request may go to "), f"{url}: {found}"
            assert "App(egress=[" in found, found
        assert await fetcher.call("reach", "http://allowed.invalid/") in ("ConnectError", "ConnectTimeout")
