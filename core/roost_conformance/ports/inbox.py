"""The inbox: an id is handled once, until it expires."""

from __future__ import annotations

from typing import get_args

from roost.contract.commit import AlreadyHandled, Committed, Outcome
from roost.contract.errors import Conflict
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, effects, handled, refused


@port_case("2", "an outcome is kept with its fingerprint, its value and its expiry")
async def store_inbox_outcome(store: Store) -> None:
    writer = CommitWriter(store, "outcome")
    row = handled("id-1", b'{"x":[1,2]}', fingerprint=b"\x00\xff" * 8, expires=writer.at + 12.5)
    await writer.write(state=STATE, handled=row)
    assert await store.outcome(writer.address, "client", "me", "id-1") == row
    assert await store.outcome(writer.address, "client", "me", "id-2") is None


@port_case("2", "each kind of outcome comes back as it is")
async def store_inbox_kinds(store: Store) -> None:
    writer = CommitWriter(store, "kinds")
    for outcome in get_args(Outcome):
        row = handled(outcome, b'{"code":"x"}', outcome=outcome)
        await writer.write(handled=row)
        assert await store.outcome(writer.address, "client", "me", outcome) == row


@port_case("2", "the same id again: the first outcome, and nothing is written")
async def store_inbox_already(store: Store) -> None:
    writer = CommitWriter(store, "already")
    row = handled("h-two", b'"first"')
    await writer.write(state=STATE, handled=row)
    before = await writer.all()
    again = writer.draft(**effects(writer, "two"))
    assert await store.commit(again) == AlreadyHandled(row)
    assert await writer.all() == before
    assert await store.outcome(writer.address, "client", "me", "h-two") == row


@port_case("2", "who lost the race for an id gets the outcome, not a conflict")
async def store_inbox_before_conflict(store: Store) -> None:
    writer = CommitWriter(store, "race")
    row = handled("id", b'"first"')
    late = writer.draft(state=b"2", handled=handled("id", b'"second"'))
    await writer.write(state=STATE, handled=row)
    assert await store.commit(late) == AlreadyHandled(row)
    late = writer.draft(state=b"2", base=0, version=1, handled=handled("other"))
    await refused(Conflict, store.commit(late))
    assert await store.outcome(writer.address, "client", "me", "other") is None


@port_case("2", "another principal, and another source, has its own run")
async def store_inbox_scope(store: Store) -> None:
    writer = CommitWriter(store, "scope")
    sources = ("client", "agent", "operator", "app", "admin")
    scopes = [*((source, "me") for source in sources), ("client", "you"), ("client", "")]
    for source, principal in scopes:
        value = f"{source}/{principal}".encode()
        await writer.write(state=STATE, handled=handled("id", value, source=source, principal=principal))
    for source, principal in scopes:
        found = await store.outcome(writer.address, source, principal, "id")  # type: ignore[arg-type]  # literals
        assert found is not None and found.value == f"{source}/{principal}".encode()


@port_case("2", "an expired row is as good as none: the id runs again and its new outcome is kept")
async def store_inbox_expiry(store: Store) -> None:
    writer = CommitWriter(store, "expiry")
    await writer.write(state=STATE, handled=handled("id", b"1", expires=writer.at + 100.0))
    first = await store.outcome(writer.address, "client", "me", "id")
    assert first is not None
    almost = writer.draft(state=b"2", handled=handled("id", b"2"), at=first.expires - 0.5)
    assert await store.commit(almost) == AlreadyHandled(first)
    row = handled("id", b"3", fingerprint=b"z" * 16, outcome="rejected", expires=first.expires + 50.0)
    await writer.write(state=b"3", handled=row, at=first.expires)
    assert await store.outcome(writer.address, "client", "me", "id") == row
    assert await store.commit(writer.draft(handled=handled("id"))) == AlreadyHandled(row)


@port_case("2", "one agent's ids mean nothing to another")
async def store_inbox_per_agent(store: Store) -> None:
    one, two = CommitWriter(store, "per-agent", "a"), CommitWriter(store, "per-agent", "b")
    await one.write(state=STATE, handled=handled("id", b"1"))
    assert await store.outcome(two.address, "client", "me", "id") is None
    await two.write(state=STATE, handled=handled("id", b"2"))
    found = await store.outcome(one.address, "client", "me", "id")
    assert found is not None and found.value == b"1"


@port_case("7", "a result of 120 KiB, an id of any text")
async def store_inbox_large(store: Store) -> None:
    writer = CommitWriter(store, "large-outcome")
    row = handled("\U0001f600/%_'\"\\ é" + "x" * 400, b'"' + b"x" * (120 * 1024 - 2) + b'"', principal="ü\U0010ffff")
    await writer.write(state=STATE, handled=row)
    assert await store.outcome(writer.address, "client", row.principal, row.id) == row


@port_case("2", "many ids: none is lost, none answers for another")
async def store_inbox_many(store: Store) -> None:
    writer = CommitWriter(store, "many-ids")
    for i in range(600):
        await writer.write(state=b"%d" % i, handled=handled(f"id-{i}", b"%d" % i, expires=writer.at + 100_000.0))
    for i in range(600):
        found = await store.outcome(writer.address, "client", "me", f"id-{i}")
        assert found is not None and found.value == b"%d" % i
    answer = await store.commit(writer.draft(handled=handled("id-0")))
    assert isinstance(answer, AlreadyHandled) and not isinstance(answer, Committed)
