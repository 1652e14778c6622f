"""Envelopes wait until they are settled."""

from __future__ import annotations

from roost.contract.address import Address
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, envelope


@port_case("8", "envelopes leave with the commit and wait in the order they were sent")
async def store_outbox_order(store: Store) -> None:
    writer = CommitWriter(store, "outbox")
    ids = [[f"{v}.{i}" for i in range(12)] for v in (9, 10, 11)]
    sent = [tuple(envelope(id, writer.address) for id in group) for group in ids]
    for group in sent:
        await writer.write(state=STATE, outbox=group)
    assert (await writer.load()).outbox == tuple(x for group in sent for x in group)


@port_case("records", "every field of an envelope comes back")
async def store_outbox_fields(store: Store) -> None:
    writer = CommitWriter(store, "outbox-fields")
    one = envelope(
        "x/\U0001f600", writer.address, to=Address("other-kind", "k\u00e9y/%"), action="note it",
        args=b"\x00\xff" * 60_000, generation=3, lane="urgent", internal=True, attempts=2, next=17.25,
    )  # fmt: skip
    await writer.write(state=STATE, outbox=(one, envelope("plain", writer.address)))
    assert (await writer.load()).outbox == (one, envelope("plain", writer.address))


@port_case("8", "settling forgets the delivered ones and sets when the agent is armed, nothing else")
async def store_settle(store: Store) -> None:
    writer = CommitWriter(store, "settle")
    sent = tuple(envelope(f"e{i}", writer.address) for i in range(5))
    await writer.write(state=STATE, outbox=sent, next_due=90.0, armed=10.0)
    await store.settle(writer.address, ["e0", "e2", "never"], 30.5)
    found = await writer.load()
    assert found.outbox == (sent[1], sent[3], sent[4])
    assert (found.armed, found.due, found.version) == (30.5, 90.0, 1)
    await store.settle(writer.address, [], 40.0)
    assert (await writer.load()).armed == 40.0 and len((await writer.load()).outbox) == 3
    await store.settle(writer.address, [x.id for x in sent], None)
    found = await writer.load()
    assert found.outbox == () and found.armed is None
    await store.settle(writer.address, ["e1"], None)
    await writer.write(state=b"2")


@port_case("8", "settling an agent never made makes nothing")
async def store_settle_never_made(store: Store) -> None:
    writer = CommitWriter(store, "settle-never")
    await store.settle(writer.address, ["x"], 10.0)
    assert await store.load(writer.address) == await store.load(Address("port-settle-never", "a"))
    assert not (await writer.load()).exists and (await writer.load()).armed is None


@port_case("8", "an agent's envelopes are its own")
async def store_outbox_per_agent(store: Store) -> None:
    one, two = CommitWriter(store, "outbox-own", "a"), CommitWriter(store, "outbox-own", "b")
    for writer in (one, two):
        await writer.write(state=STATE, outbox=(envelope("same", writer.address),))
    await store.settle(one.address, ["same"], None)
    assert (await one.load()).outbox == () and (await two.load()).outbox == (envelope("same", two.address),)
