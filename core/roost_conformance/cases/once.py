"""Rules 1 to 3: handlers run at least once, commits apply once, a repeated key gets the stored outcome."""

from __future__ import annotations

import asyncio

from roost.contract.errors import AgentError, LimitExceeded, Rejected, TransientError
from roost_client import Backoff

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


@case("2", "a repeated key answers the same and runs nothing, also after hibernation")
async def repeated_key_answers_the_same(stage: Stage) -> None:
    async with stage.client() as client:
        once, witness = client.agent("once", stage.key()), Witness(stage, client)
        assert await once.call("add", 5, witness.key, idempotency_key="k") == 5
        assert await once.call("add", 2) == 7, "another call in between"
        assert await once.call("add", 5, witness.key, idempotency_key="k") == 5, "not the stored outcome"
        await stage.evict("once", once.address.key)
        assert await once.call("add", 5, witness.key, idempotency_key="k") == 5, "the outcome was only in memory"
        assert (await once.state())["total"] == 7
        assert await witness.lines() == ["run"], "the handler ran again"


@case("2", "errors of the agent and refusals are outcomes too: kept whole, and nothing else of the run")
async def repeated_key_answers_the_same_error(stage: Stage) -> None:
    async with stage.client() as client:
        once = client.agent("once", stage.key())
        await once.call("add", 1)
        for action, kind in (("refuse", Rejected), ("fail", AgentError), ("swell", LimitExceeded)):
            witness = Witness(stage, client)
            first = await refusal(once.call(action, witness.key, idempotency_key=action))
            again = await refusal(once.call(action, witness.key, idempotency_key=action))
            assert type(first) is kind and type(again) is kind, f"{action}: {first!r}, then {again!r}"
            for member in ("message", "code", "status", "data", "id"):
                assert getattr(first, member) == getattr(again, member), f"{action}: `{member}` differs"
            assert "hunter2" not in first.message, "an exception's text reached a caller"
            assert await witness.lines() == ["run"], f"{action} ran again"
        assert (await once.state())["total"] == 1, "a failed run left its state"
        refused = await refusal(once.call("refuse", Witness(stage, client).key), "no-seat")
        assert refused.status == 409 and refused.data == {"seats": [1, 2]}, f"the author's refusal became {refused!r}"


@case("2", "a transient error is no outcome: 503 with Retry-After, and the same key may try again")
async def transient_error_may_try_again(stage: Stage) -> None:
    async with stage.client() as client, stage.http() as http:
        once, witness = client.agent("once", stage.key()), Witness(stage, client)
        path = stage.path("once", once.address.key, "call", "stumble")
        answer = await http.post(path, json={"args": [witness.key, 1]}, headers={"idempotency-key": "k"})
        assert answer.status_code == 503, answer.text
        assert float(answer.headers["retry-after"]) >= 3, "the author's retry_after is lost"
        await refusal(once.state(), "no-agent")  # nothing was stored, not even the agent
        for _ in range(2):  # run, then repeated from the inbox
            answer = await http.post(path, json={"args": [witness.key, 1]}, headers={"idempotency-key": "k"})
            assert answer.status_code == 200 and answer.json() == {"result": 2}, answer.text
        assert await witness.lines() == ["run", "run"]
        assert (await once.state())["total"] == 1, "the run that failed left its state"


@case("2", "a key used for another action or other arguments is refused; the order of JSON members is no difference")
async def key_of_another_call_is_refused(stage: Stage) -> None:
    async with stage.client() as client, stage.http(admin=True) as http:
        once = client.agent("once", stage.key())
        await once.call("add", 5, idempotency_key="k")
        for action, by in (("add", 6), ("subtract", 5)):
            error = await refusal(once.call(action, by, idempotency_key="k"), "key-reused")
            assert error.status == 422 and isinstance(error, Rejected), repr(error)
        path, key = stage.path("once", once.address.key, "call", "add"), {"idempotency-key": "m"}
        for body in ('{"kwargs": {"by": 1, "gate": null}, "args": []}', '{"args":[],"kwargs":{"gate":null,"by":1}}'):
            answer = await http.post(path, content=body, headers={**key, "content-type": "application/json"})
            assert answer.status_code == 200 and answer.json()["result"] == 6, answer.text
        assert (await once.state())["total"] == 6


@case("2", "the same key while the first runs joins it; with other arguments it is refused without waiting")
async def repeated_key_joins_the_run(stage: Stage) -> None:
    async with stage.client() as client:
        once, witness, gate = client.agent("once", stage.key()), Witness(stage, client), Barrier(stage, client)
        calls = [asyncio.create_task(once.call("add", 5, witness.key, gate.key, idempotency_key="k")) for _ in range(3)]
        await gate.arrived()
        await refusal(once.call("add", 6, witness.key, gate.key, idempotency_key="k"), "key-reused")
        assert not any(call.done() for call in calls)
        await gate.open()
        assert await asyncio.gather(*calls) == [5, 5, 5]
        assert await witness.lines() == ["run"], "joined calls ran of their own"


@case("2", "a key is the caller's own, and the agent's: another principal or agent with the same key runs")
async def key_of_another_caller_runs(stage: Stage) -> None:
    async with stage.client() as admin, stage.client(token=None) as nobody:
        key = stage.key()
        assert await admin.agent("once", key).call("add", 5, idempotency_key="k") == 5
        assert await nobody.agent("once", key).call("add", 5, idempotency_key="k") == 10, "one caller got another's"
        assert await nobody.agent("once", key).call("add", 5, idempotency_key="k") == 10
        assert await admin.agent("once", stage.key()).call("add", 5, idempotency_key="k") == 5


@case("2", "without a key nothing is remembered, and a failed first call leaves no agent")
async def call_without_a_key_leaves_no_row(stage: Stage) -> None:
    async with stage.client() as client:
        once, witness = client.agent("once", stage.key()), Witness(stage, client)
        for _ in range(2):
            await refusal(once.call("fail", witness.key), "agent-error")
        assert await witness.lines() == ["run", "run"], "a call without a key was answered from memory"
        for probe in (once.state, once.status):
            assert (await refusal(probe(), "no-agent")).status == 404, "a failed call made an agent"
        assert [await once.call("add"), await once.call("add")] == [1, 2]


@case("1", "a run that died with its host is run again by the same key, and applies once", crashes=True)
async def crash_in_a_tick_runs_again(stage: Stage) -> None:
    async with stage.client() as client:
        once, witness, gate = client.agent("once", stage.key()), Witness(stage, client), Barrier(stage, client)
        call = asyncio.create_task(once.call("add", 3, witness.key, gate.key, idempotency_key="k"))
        await gate.arrived()
        await stage.crash()
        assert isinstance(await refusal(call), TransientError)
        await gate.open()
        assert await once.call("add", 3, witness.key, gate.key, idempotency_key="k") == 3
        assert await witness.lines() == ["run", "run"], "it did not run once more"
        assert (await once.state())["total"] == 3


@case("3", "what was answered is durable: state and outcome are there after a crash", crashes=True)
async def crash_after_the_reply_loses_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        once, witness = client.agent("once", stage.key()), Witness(stage, client)
        assert await once.call("add", 3, witness.key, idempotency_key="k") == 3
        assert await once.call("add", 1) == 4
        await stage.crash()
        assert await once.call("add", 3, witness.key, idempotency_key="k") == 3, "the outcome was lost"
        assert await once.call("add", 1) == 5, "a commit was lost"
        assert await witness.lines() == ["run"], "an acknowledged run ran again"


@case("3", "calls repeated by their keys through a crash apply once each, whichever answers were lost", crashes=True)
async def crash_among_many_calls_applies_each_once(stage: Stage) -> None:
    async with stage.client(retries=50, backoff=Backoff(first=0.02, most=0.3), timeout=30 + stage.patience) as client:
        once = client.agent("once", stage.key())
        done = 0

        async def add() -> None:
            nonlocal done
            await once.call("add")
            done += 1

        calls = [asyncio.create_task(add()) for _ in range(60)]

        async def some() -> bool:
            return done >= 10

        await stage.until(some)
        await stage.crash()
        await asyncio.gather(*calls)
        assert (await once.state())["total"] == 60
