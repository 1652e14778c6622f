"""What models may cost: nothing is begun that might go beyond, and who waits is asked for once."""

from __future__ import annotations

import asyncio
from typing import Any

from ..probes.chat import Chat, chat_case
from ..probes.committed import committed
from ..probes.jobs import TAKEN_OVER
from ..probes.refusal import refusal
from ..stage import Stage

TURNS, FEW = 20, 8
"""Few, where each look at them is a process of its own."""


@chat_case(
    "twenty turns of one caller at once never go beyond its budget; an operator raises it, and no request is made twice"
)
async def chat_budget_never_oversold(stage: Stage) -> None:
    who = stage.key()
    turns = TURNS if stage.patience < 60 else FEW
    async with stage.client() as operator, stage.client(token=f"user:{who}") as client:
        chats = [Chat(stage, client, "chatter-frugal") for _ in range(turns)]
        purse = operator.agent("chat-budgets", f"chatter-frugal/client:{who}")
        most = 0.0

        async def standing() -> dict[str, Any]:
            nonlocal most
            found: list[dict[str, Any]] = await purse.call("budget")
            most = max([most, *(one["spent"] + one["reserved"] for one in found)])
            return found[0] if found else {"reserved": 0.0, "waiting": 0, "spent": 0.0}

        async def done() -> int:
            states = await asyncio.gather(*(committed(operator.agent("chatter-frugal", chat.key)) for chat in chats))
            return sum(len(state["turns"]) for state in states if state is not None)

        async def settled(waiting: int) -> bool:
            found = await standing()
            return found["waiting"] == waiting and not found["reserved"] and await done() == turns - waiting

        for chat in chats:
            await chat.send("hello")

        async def stands() -> int:
            found = await standing()
            waiting = int(found["waiting"])
            return waiting if waiting and await settled(waiting) else 0

        waiting: int = await stage.until(stands, within=4 * TAKEN_OVER)
        assert 0 < waiting < turns, waiting
        held = [one["turn"]["held"] for one in [await chat.session() for chat in chats] if one["turn"] is not None]
        assert held == ["over-budget"] * waiting, held
        await refusal(client.agent("chat-budgets", purse.address.key).call("raise_budget", tokens=5), "not-allowed")
        assert most <= 700, most
        await purse.call("raise_budget", tokens=10_000)

        async def over() -> bool:
            return await settled(0)

        await stage.until(over, within=4 * TAKEN_OVER)
        counts = [await chat.ledger.count("model") for chat in chats]
        assert counts == [1] * turns, counts
        used = [await chat.agent.call("usage") for chat in chats]
        assert (await standing())["spent"] == sum(one["input_tokens"] + one["output_tokens"] for one in used)


@chat_case(
    "a request whose host died counts as what was reserved for it, beside the one that is made again", together=True
)
async def chat_budget_counts_what_died(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chatter-thrifty")
        await chat.send("wait")
        await chat.gate.arrived(1)
        (turn, session) = sorted(await chat.agent.call("budget_standing"), key=lambda one: -len(one["window"]))
        assert turn["reserved"] == session["reserved"] > 0 == session["spent"], (turn, session)
        reserved = session["reserved"]
        await chat.agent.call("raise_budget", tokens=2000)
        await stage.crash()
        await chat.gate.arrived(2, TAKEN_OVER)
        await chat.gate.open()
        assert (await chat.over(1, TAKEN_OVER))[-1] == "assistant: one two three four"

        async def settled() -> bool:
            used = await chat.agent.call("usage")
            (found,) = await chat.agent.call("budget_standing")
            tokens = used["input_tokens"] + used["output_tokens"]
            return not found["reserved"] and found["spent"] == reserved + tokens

        await stage.until(settled)
