# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of hosts that share a store."""

from __future__ import annotations

from typing import Any, Final

import pytest

from roost.engine.leased import guests, pump, tenure
from roost_lambda import backend, frame_lanes, keys, rows
from roost_lambda.change import Change
from roost_lambda.desk import HOLD
from roost_lambda.frame_lanes import FrameGap, Lanes
from roost_lambda.head import Head
from roost_lambda.lease import HeadLease
from roost_lambda.leases import TableLeases
from roost_lambda.plan import Plan
from roost_lambda.table import Table

from .mutation import Mutation


def _no_fence(m: pytest.MonkeyPatch) -> None:
    """Who has the agent is not asked when it commits."""
    whole = Plan._head

    def head(self: Plan) -> Change:
        out = whole(self)
        out.conditions = [c.replace("#f <=", "#f >=") for c in out.conditions]  # a fence only rises
        return out

    m.setattr(Plan, "_head", head)


def _deaf(m: pytest.MonkeyPatch) -> None:
    """The agent is given back without asking whether somebody rang."""
    whole = HeadLease.leave

    async def leave(self: HeadLease, address: Any, left: bool, released: int, force: bool, belled: bool) -> bool:
        held = self.memory.held.get(address)
        if held is not None:
            held.heard = (await self.reads.head(address)).bell
        return await whole(self, address, left, released, force, belled)

    m.setattr(HeadLease, "leave", leave)


def _blind_yield(m: pytest.MonkeyPatch) -> None:
    """A commit gives the agent back whether somebody rang or not."""
    whole = Plan._lease

    def lease(self: Plan, out: Change) -> None:
        whole(self, out)
        if self.leaving:
            out.conditions = [c for c in out.conditions if "#b" not in c]
            for line in [x for x in out.sets if x.startswith("#a = ")]:
                out.sets.remove(line)
                out.values.pop(line.split()[-1])
            out.values = {k: v for k, v in out.values.items() if k in f"{out.sets} {out.conditions}"}
            out.removes = [x for x in out.removes if x != "#a"]
            out.values[":bell"] = rows.n(0)
            out.sets.append("#a = if_not_exists(#b, :bell)")
            out.names |= {"#a": "a", "#b": "b"}

    m.setattr(Plan, "_lease", lease)


def _answer_apart(m: pytest.MonkeyPatch) -> None:
    """A guest's answer is left to a write of its own."""
    whole = tenure.Tenure.seal

    def seal(self: tenure.Tenure, *rest: Any) -> None:
        whole(self, *rest)
        rest[2].answer = None

    m.setattr(tenure.Tenure, "seal", seal)


def _lazarus(m: pytest.MonkeyPatch) -> None:
    """A renewal brings back a lease that was given back, or that another host has."""

    async def renew(self: HeadLease, address: Any) -> None:
        held = self.memory.held.get(address)
        if held is not None:
            change, held.until = Change(), self.now() + HOLD
            change.set("lu", rows.n(held.until))
            change.set("lo", rows.s(held.owner))
            await self.table.update(keys.partition(address), keys.HEAD, change)

    m.setattr(HeadLease, "renew", renew)


def _no_claim_check(m: pytest.MonkeyPatch) -> None:
    """An agent is taken though another host has it."""
    whole = HeadLease.claim

    async def claim(self: HeadLease, address: Any, lease: Any) -> Any:
        clock, self.now = self.now, lambda: clock() + 3600.0
        try:
            return await whole(self, address, lease)
        finally:
            self.now = clock

    m.setattr(HeadLease, "claim", claim)


def _silent_post(m: pytest.MonkeyPatch) -> None:
    """Who parks a letter sends no doorbell."""

    async def call(self: TableLeases, address: Any, *rest: Any) -> None: ...

    m.setattr(TableLeases, "call", call)
    m.setattr(TableLeases, "_heal", call)


def _early_settle(m: pytest.MonkeyPatch) -> None:
    """An envelope is forgotten whatever its delivery came to."""

    async def deliver(self: Any, envelope: Any) -> None: ...

    m.setattr(backend.TableCourier, "deliver", deliver)


# Real ones there, as they were ------------------------------------------------------------------------------


def _ghost(m: pytest.MonkeyPatch) -> None:
    whole = Table.transact

    async def transact(self: Table, lines: list[Any]) -> None:
        if len(lines) == 1 and "Put" in lines[0] and "uk" in lines[0]["Put"]["Item"]:
            await self.call("put_item", Item=lines[0]["Put"]["Item"])
        else:
            await whole(self, lines)

    m.setattr(Table, "transact", transact)


def _import_hides(m: pytest.MonkeyPatch) -> None:
    m.setattr(Head, "life", property(lambda self: self.epoch))


def _racing_frames(m: pytest.MonkeyPatch) -> None:
    m.setattr(guests, "connection", lambda trigger: "")
    m.setattr(pump, "connection", lambda trigger: "")


def _unbelled(m: pytest.MonkeyPatch) -> None:
    """A commit that puts a wake off gives its agent back at once: a host that dies then rings no bell for it."""
    m.setattr(tenure.Tenure, "unbelled", lambda self, commit: False)


def _late_state(m: pytest.MonkeyPatch) -> None:
    m.setattr(tenure.Tenure, "overtaken", lambda self: False)


def _old_image(m: pytest.MonkeyPatch) -> None:
    """A host that lost an agent says by what it remembers of it when it is to be woken."""
    whole = pump.LeasedPump.look

    async def look(self: pump.LeasedPump, one: tenure.Tenure) -> None:
        leases: Any = one.leases
        vars(leases)["holds"] = lambda address: True
        try:
            await whole(self, one)
        finally:
            vars(leases).pop("holds", None)

    m.setattr(pump.LeasedPump, "look", look)


def _lane_taken_over(m: pytest.MonkeyPatch) -> None:
    """Who finds that the holder of a lane died goes on behind what that one claimed."""
    whole = Lanes._enter

    async def enter(self: Lanes, cid: str, token: str, seq: int | None) -> tuple[dict[str, Any] | None, bool]:
        try:
            return await whole(self, cid, token, seq)
        except FrameGap:
            key = {"pk": rows.s(keys.connection(cid)), "sk": rows.s(frame_lanes.LANE)}
            await self.table.call(
                "update_item", Key=key, UpdateExpression="REMOVE holder, #u", ExpressionAttributeNames={"#u": "until"}
            )
            return await whole(self, cid, token, seq)

    m.setattr(Lanes, "_enter", enter)


def _lane_again(m: pytest.MonkeyPatch) -> None:
    async def claim(self: Lanes, cid: str, token: str, following: int) -> bool:
        return True

    _lane_taken_over(m)
    enter = Lanes._enter
    m.setattr(Lanes, "_claim", claim)
    m.setattr(Lanes, "_enter", lambda self, cid, token, seq: enter(self, cid, token, None))


SHARED: Final = (
    Mutation("a lease is not fenced", _no_fence, "dynamo", first=60),
    Mutation("an agent is taken though another host has it", _no_claim_check, "dynamo", first=83),
    Mutation("the bell is not heard when an agent is given back", _deaf, "dynamo"),
    Mutation("a commit gives its agent back though the bell rang", _blind_yield, "dynamo", first=48),
    Mutation("a guest's answer is not in the commit of its tick", _answer_apart, "dynamo", first=3),
    Mutation("a late renewal brings a lease back", _lazarus, "dynamo", first=7),
    Mutation("who parks a letter sends no doorbell", _silent_post, "dynamo", first=12),
    Mutation("an envelope is forgotten before it is delivered", _early_settle, "dynamo"),
    Mutation("an agent is given back before its doorbell is sent", _unbelled, "dynamo", first=3),
    Mutation("a put that was given up parks its letter again", _ghost, "dynamo", bug=True, first=230, slow=True),
    Mutation("an import hides the letters that wait", _import_hides, "dynamo", bug=True, first=121),
    Mutation("parked frames of a connection race", _racing_frames, "dynamo", bug=True, first=55, slow=True),
    Mutation("a host that lost its agent still sends frames", _late_state, "dynamo", bug=True, first=1402, slow=True),
    Mutation("a host that lost an agent goes by what it remembers", _old_image, "dynamo", bug=True, first=598),
    Mutation("who takes a lane of frames over runs some again", _lane_again, "dynamo", bug=True, first=321),
)
