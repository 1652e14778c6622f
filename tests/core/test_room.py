"""A mailbox has room for each kind of letter: none keeps all others out (rule 15)."""

from __future__ import annotations

import pytest

from roost import Address, Agent, App, Credentials, Limits, action
from roost.contract.commit import Envelope, Letter
from roost.contract.errors import LimitExceeded
from roost.contract.room import share_of
from roost.contract.trigger import Call, Caller, Lane
from roost.engine.room import room
from roost.testing import world

pytestmark = pytest.mark.anyio
AT = Address("hall", "a")


class Hall(Agent):
    @action
    async def come(self) -> None: ...


def letter(source: str = "client", next: float = 0.0, lane: Lane = "standard") -> Letter:
    return Letter("x", source, "", "come", b"", lane, next=next)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("limit", [1, 2, 20, 10_000])
def test_what_waits_for_its_time_fills_half_and_agents_have_what_clients_can_not_fill(limit: int) -> None:
    assert room(letter(next=5.0), limit) == room(letter(next=5.0, lane="urgent"), limit) == -(-limit // 2)
    assert room(letter(), limit) == limit - limit // 10
    assert room(letter(lane="urgent"), limit) == limit - limit // 20
    assert room(letter("agent"), limit) == limit
    assert all(room(letter(next=n), limit) >= 1 for n in (0.0, 5.0)), "a small mailbox takes nothing"


async def test_a_mailbox_filled_with_delays_still_takes_what_is_to_run_now() -> None:
    async with world(App([Hall], limits=Limits(mailbox=20)), seed=1) as w:
        runtime = w.backend.runtime
        mallory = Caller("mallory")
        for _ in range(10):
            await runtime.tell(AT, Call("come"), caller=mallory, delay=300 * 86400.0)
        for lane in ("standard", "urgent"):
            with pytest.raises(LimitExceeded, match="tells with a delay") as refused:
                await runtime.tell(AT, Call("come"), caller=mallory, delay=1.0, lane=lane)
            assert refused.value.status == 429 and refused.value.limit == "mailbox"
        await runtime.tell(AT, Call("come"), caller=Caller("ann"))
        await runtime.accept(Envelope("hall/b/1/1.1", AT, "come", b'{"args":[],"kwargs":{}}', Address("hall", "b")))


async def by_token(credentials: Credentials) -> Caller | None:
    return Caller(credentials.bearer or "")


async def test_one_client_leaves_room_for_the_others_where_a_hook_tells_them_apart() -> None:
    async with world(App([Hall], auth=by_token, limits=Limits(mailbox=20)), seed=1) as w:
        runtime, mallory, ann = w.backend.runtime, Caller("mallory"), Caller("ann")
        for _ in range(5):
            await runtime.tell(AT, Call("come"), caller=mallory, delay=300 * 86400.0)
        with pytest.raises(LimitExceeded, match="one client's share") as refused:
            await runtime.tell(AT, Call("come"), caller=mallory, delay=300 * 86400.0)
        assert (refused.value.status, refused.value.code) == (429, "limit-mailbox-share")
        for _ in range(5):
            await runtime.tell(AT, Call("come"), caller=ann, delay=300 * 86400.0)
        assert room(letter(), 20, named=True) == room(letter(), 20) == 18


def test_a_share_is_half_of_the_room() -> None:
    for limit in (1, 2, 20, 10_000):
        for one in (letter(), letter(next=5.0), letter(lane="urgent")):
            share = share_of(room(one, limit, named=True))
            assert share >= 1 and share == -(-room(one, limit) // 2)
        assert share_of(room(letter("agent"), limit, named=True)) == share_of(room(letter(), limit)) == 0
