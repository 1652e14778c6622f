"""The inbox: an id is handled once, until it expires."""

from __future__ import annotations

from typing import get_args

from roost.contract.commit import AlreadyHandled, Committed, Outcome
from roost.contract.errors import Conflict
from roost.ports import Store

from .case import port_case
from .pen import STATE, Pen, effects, handled, refused


@port_case("2", "an outcome is kept with its fingerprint, its value and its expiry")
async def store_inbox_outcome(store: Store) -> None:
    pen = Pen(store, "outcome")
    row = handled("id-1", b'{"x":[1,2]}', fingerprint=b"\x00\xff" * 8, expires=pen.at + 12.5)
    await pen.write(state=STATE, handled=row)
    assert await store.outcome(pen.address, "client", "me", "id-1") == row
    assert await store.outcome(pen.address, "client", "me", "id-2") is None


@port_case("2", "each kind of outcome comes back as it is")
async def store_inbox_kinds(store: Store) -> None:
    pen = Pen(store, "kinds")
    for outcome in get_args(Outcome):
        row = handled(outcome, b'{"code":"x"}', outcome=outcome)
        await pen.write(handled=row)
        assert await store.outcome(pen.address, "client", "me", outcome) == row


@port_case("2", "the same id again: the first outcome, and nothing is written")
async def store_inbox_already(store: Store) -> None:
    pen = Pen(store, "already")
    row = handled("h-two", b'"first"')
    await pen.write(state=STATE, handled=row)
    before = await pen.all()
    again = pen.draft(**effects(pen, "two"))
    assert await store.commit(again) == AlreadyHandled(row)
    assert await pen.all() == before
    assert await store.outcome(pen.address, "client", "me", "h-two") == row


@port_case("2", "who lost the race for an id gets the outcome, not a conflict")
async def store_inbox_before_conflict(store: Store) -> None:
    pen = Pen(store, "race")
    row = handled("id", b'"first"')
    late = pen.draft(state=b"2", handled=handled("id", b'"second"'))
    await pen.write(state=STATE, handled=row)
    assert await store.commit(late) == AlreadyHandled(row)
    late = pen.draft(state=b"2", base=0, version=1, handled=handled("other"))
    await refused(Conflict, store.commit(late))
    assert await store.outcome(pen.address, "client", "me", "other") is None


@port_case("2", "another principal, and another source, has its own run")
async def store_inbox_scope(store: Store) -> None:
    pen = Pen(store, "scope")
    sources = ("client", "agent", "operator", "app", "admin")
    scopes = [*((source, "me") for source in sources), ("client", "you"), ("client", "")]
    for source, principal in scopes:
        value = f"{source}/{principal}".encode()
        await pen.write(state=STATE, handled=handled("id", value, source=source, principal=principal))
    for source, principal in scopes:
        found = await store.outcome(pen.address, source, principal, "id")  # type: ignore[arg-type]  # literals
        assert found is not None and found.value == f"{source}/{principal}".encode()


@port_case("2", "an expired row is as good as none: the id runs again and its new outcome is kept")
async def store_inbox_expiry(store: Store) -> None:
    pen = Pen(store, "expiry")
    await pen.write(state=STATE, handled=handled("id", b"1", expires=pen.at + 100.0))
    first = await store.outcome(pen.address, "client", "me", "id")
    assert first is not None
    almost = pen.draft(state=b"2", handled=handled("id", b"2"), at=first.expires - 0.5)
    assert await store.commit(almost) == AlreadyHandled(first)
    row = handled("id", b"3", fingerprint=b"z" * 16, outcome="rejected", expires=first.expires + 50.0)
    await pen.write(state=b"3", handled=row, at=first.expires)
    assert await store.outcome(pen.address, "client", "me", "id") == row
    assert await store.commit(pen.draft(handled=handled("id"))) == AlreadyHandled(row)


@port_case("2", "one agent's ids mean nothing to another")
async def store_inbox_per_agent(store: Store) -> None:
    one, two = Pen(store, "per-agent", "a"), Pen(store, "per-agent", "b")
    await one.write(state=STATE, handled=handled("id", b"1"))
    assert await store.outcome(two.address, "client", "me", "id") is None
    await two.write(state=STATE, handled=handled("id", b"2"))
    found = await store.outcome(one.address, "client", "me", "id")
    assert found is not None and found.value == b"1"


@port_case("7", "a result of 120 KiB, an id of any text")
async def store_inbox_large(store: Store) -> None:
    pen = Pen(store, "large-outcome")
    row = handled("\U0001f600/%_'\"\\ é" + "x" * 400, b'"' + b"x" * (120 * 1024 - 2) + b'"', principal="ü\U0010ffff")
    await pen.write(state=STATE, handled=row)
    assert await store.outcome(pen.address, "client", row.principal, row.id) == row


@port_case("2", "many ids: none is lost, none answers for another")
async def store_inbox_many(store: Store) -> None:
    pen = Pen(store, "many-ids")
    for i in range(600):
        await pen.write(state=b"%d" % i, handled=handled(f"id-{i}", b"%d" % i, expires=pen.at + 100_000.0))
    for i in range(600):
        found = await store.outcome(pen.address, "client", "me", f"id-{i}")
        assert found is not None and found.value == b"%d" % i
    answer = await store.commit(pen.draft(handled=handled("id-0")))
    assert isinstance(answer, AlreadyHandled) and not isinstance(answer, Committed)
