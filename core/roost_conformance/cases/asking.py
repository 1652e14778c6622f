"""Rule 6: one agent asks another and waits for the answer."""

from __future__ import annotations

import asyncio
import time

from roost.contract.errors import AgentError, Rejected, TransientError
from roost.contract.limits import PORTABLE

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


@case("6", "an answer has the type its annotation says, and the one who is asked knows by whom")
async def ask_gets_a_typed_answer(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
        answer = await a.call("be_greeted", b.address.key)
        assert answer == {"type": "Greeting", "text": f"hello {a.address.key}", "year": 2026}, answer
        assert await a.call("ask_whose", b.address.key) == str(a.address), "the asked one does not know who asks"


@case("6", "errors of the one who is asked reach the asker as they are, without internals; it may catch them and go on")
async def ask_gets_the_error(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
        caught = await a.call("catch", b.address.key, "refuse")
        assert caught == {"class": "Rejected", "code": "closed", "status": 409, "data": {"until": 9}}, caught
        assert (await a.state())["note"] == "closed", "the asker's tick did not commit"
        caught = await a.call("catch", b.address.key, "fail")
        assert caught["class"] == "AgentError" and caught["code"] == "agent-error", caught
        assert "hunter2" not in caught["message"], "an exception's text reached another agent"


@case("6", "an error of an ask that nobody catches fails the asker's tick with it")
async def uncaught_error_of_an_ask_fails_the_tick(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
        error = await refusal(a.call("relay", b.address.key), "closed")
        assert isinstance(error, Rejected) and error.status == 409 and error.data == {"until": 9}, repr(error)
        for agent in (a, b):
            await refusal(agent.state(), "no-agent")  # a failed tick leaves none


@case("6", "asks in a circle are refused at once, naming the circle; a long chain is fine, a longer one refused")
async def ask_in_a_circle_is_refused(stage: Stage) -> None:
    async with stage.client() as client:
        keys = [stage.key() for _ in range(PORTABLE.max_path + 1)]
        a, b, *_ = keys
        for circle in ([a], [b, a], [b, keys[2], b]):
            began = time.monotonic()
            error = await refusal(client.agent("friend", a).call("chain", circle), "ask-cycle")
            assert error.status == 409 and f"friend/{circle[-1]}" in error.message, repr(error)
            assert time.monotonic() - began < 5, "the circle was waited for"
        assert await client.agent("friend", a).call("chain", keys[1:6]) == 6
        error = await refusal(client.agent("friend", a).call("chain", keys[1:]), "ask-depth")
        assert error.status == 409, repr(error)


@case("6", "an ask ends by its timeout as TransientError `ask-timeout`; the asked tick ends too and commits nothing")
async def ask_ends_by_its_timeout(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
        async with asyncio.timeout(10):
            assert await a.call("wait_for", b.address.key, 0.3) == "ask-timeout"
            assert await b.call("add") == 1, "the tick nobody waited for committed, or still runs"


@case("6", "an ask ends half a second before the asker's own deadline, so that the asker can still commit")
async def ask_leaves_the_asker_time_to_commit(stage: Stage) -> None:
    async with stage.client() as client:
        late: list[TransientError] = []
        while True:
            a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
            began = time.monotonic()
            try:
                assert await a.call("wait_with", b.address.key) == "ask-timeout"
                break
            except TransientError as error:  # the host stood still for all of the half second
                late.append(error)
                assert len(late) < 3, f"the asker had no time left: {late}"
        assert 0.8 < time.monotonic() - began < 10, "its tick has 1.5 s, the ask 1 s"
        assert (await a.state())["note"] == "ask-timeout"
        assert await b.call("add") == 1


@case("6", "of two that ask each other at the same time one is refused at once, and the other's ask goes through")
async def asks_that_cross_end(stage: Stage) -> None:
    async with stage.client() as client:
        keys, gate = [stage.key(), stage.key()], Barrier(stage, client)
        a, b = (client.agent("friend", key) for key in keys)
        calls = [
            asyncio.create_task(a.call("meet", keys[1], gate.key, 20)),
            asyncio.create_task(b.call("meet", keys[0], gate.key, 20)),
        ]
        await gate.arrived(2)
        await gate.open()
        async with asyncio.timeout(30):
            notes = await asyncio.gather(*calls)
            assert "answered" in notes and set(notes) <= {"ask-crossed", "answered"}, f"they ended with {notes}"
            before = [(await x.state())["total"] for x in (a, b)]
            assert [await x.call("add") for x in (a, b)] == [n + 1 for n in before], "one is stuck"


@case("6", "two that are told to ask each other both come through, long before their deadlines")
async def tells_that_cross_come_through(stage: Stage) -> None:
    async with stage.client() as client:
        keys, gate = [stage.key(), stage.key()], Barrier(stage, client)
        a, b = (client.agent("friend", key) for key in keys)
        for x in (a, b):
            await x.call("add")
        await a.tell("must_meet", keys[1], gate.key)
        await b.tell("must_meet", keys[0], gate.key)
        await gate.arrived(2)
        await gate.open()

        async def met() -> bool:
            return [(await x.state())["note"] for x in (a, b)] == ["met", "met"]

        await stage.until(met, within=24)


@case("6", "a tick that runs again finds the answers of its asks; equal asks of one tick are still two")
async def asks_of_a_second_run_are_not_new(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, witness = client.agent("friend", stage.key()), client.agent("friend", stage.key()), Witness(stage, client)
        first = await refusal(a.call("add_elsewhere", b.address.key, witness.key, 1, idempotency_key="k"))
        assert isinstance(first, TransientError), repr(first)
        assert (await b.state())["total"] == 2, "two equal asks of one tick are two"
        assert await a.call("add_elsewhere", b.address.key, witness.key, 1, idempotency_key="k") == 1
        assert len(await witness.lines()) == 2
        assert (await b.state())["total"] == 2, "the second run asked anew"
        await a.call("add_elsewhere", b.address.key, witness.key, idempotency_key="l")
        assert (await b.state())["total"] == 4, "another trigger got the first one's answers"


@case("6", "two callers with the same key are two triggers, agents too, so their asks are two as well")
async def asks_of_two_callers_are_two(stage: Stage) -> None:
    async with stage.client() as admin, stage.client(token=None) as nobody:
        key, other = stage.key(), stage.key()
        assert await admin.agent("once", key).call("forward", other, idempotency_key="k") == 1
        assert await nobody.agent("once", key).call("forward", other, idempotency_key="k") == 2, "one got the other's"
        assert await admin.agent("once", key).call("forward", other, idempotency_key="k") == 1
        assert (await admin.agent("once", other).state())["total"] == 2
        for n, asker in enumerate((stage.key(), stage.key()), 3):
            got = [await admin.agent("once", asker).call("forward_by", key, "k", other) for _ in range(2)]
            assert got == [n, n], f"agents that ask with one key: {got}, not {n} twice"


@case("6", "only actions can be asked, and wrong arguments are refused before anything is sent")
async def ask_of_what_is_no_action_is_refused(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("friend", stage.key()), client.agent("friend", stage.key())
        error = await refusal(a.call("ask_helper", b.address.key), "not-an-action")
        assert isinstance(error, AgentError) and "helper" in error.message, repr(error)
        error = await refusal(a.call("ask_wrongly", b.address.key), "bad-arguments")
        assert error.status == 422 and "integer" in error.message, repr(error)
        await refusal(b.state(), "no-agent")
