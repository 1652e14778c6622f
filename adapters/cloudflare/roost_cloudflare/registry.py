"""Listings: the platform can't say which objects there are, so agents tell one of 16 registry objects.

An agent's birth and death are envelopes of the commit that makes them (rule 31): at least once, redriven
after a crash. What else a listing shows (version, time, next wake) follows within seconds of the last commit, as
long as the object stays in memory; if it does not, with the next commit. The registry can't be rebuilt.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Final

from pydantic_core import from_json, to_json

from roost.contract.address import Address
from roost.contract.commit import Commit, Envelope, Listed, Page
from roost.contract.listing import PAGE, beyond, cursor, position
from roost.contract.quotas import Rate
from roost.engine.meter import Who
from roost.ports import Host
from roost.tick.image import REDELIVER

from .interop import Namespace, Sql

SHARDS: Final = 16
LISTED: Final = "roost.registry"
"""The kind of address of an envelope for the registry; no agent's kind holds a dot."""
QUIET: Final = 2.0
"""Seconds without a commit after which a listing is brought up to date."""
SLACK: Final = 30.0
"""Seconds after which it is in any case."""

TABLES: Final = """
CREATE TABLE IF NOT EXISTS agents(
    kind TEXT, key TEXT, version INTEGER, at REAL, due REAL, lives INTEGER, PRIMARY KEY(kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used(who TEXT PRIMARY KEY, until REAL) WITHOUT ROWID;
"""
_PUT: Final = (
    "INSERT INTO agents SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(?) "
    "WHERE true ON CONFLICT(kind, key) DO UPDATE SET version=excluded.version, at=excluded.at, due=excluded.due, "
    "lives=excluded.lives WHERE excluded.version>agents.version"
)


def shard(address: Address) -> str:
    """The registry object of an agent."""
    return str(zlib.crc32(str(address).encode()) % SHARDS)


def line(c: Commit) -> list[Any]:
    """What the registry keeps of a commit."""
    return [*c.address, c.version, c.at, c.next_due, 0 if c.destroy else 1]


class Shelf:
    """One registry object's table."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        sql.run(TABLES)

    def answer(self, text: str) -> str:
        """Put lines, or list them: JSON there and back."""
        doc = from_json(text)
        if doc["do"] == "put":
            self._sql.run(_PUT, to_json(doc["rows"]).decode())
            return "[]"
        if doc["do"] == "spend":
            return to_json(self._spend(**doc["use"])).decode()
        sql, values = "SELECT kind,key,version,at,due FROM agents WHERE lives", list[Any]()
        for condition, *given in doc["where"]:
            sql, values = f"{sql} AND {_CONDITIONS[condition]}", [*values, *given]
        found = self._sql.rows(f"{sql} ORDER BY kind,key LIMIT ?", *values, doc["limit"])
        return to_json(found).decode()

    def _spend(self, who: str, amount: int, seconds: float, now: float) -> float | None:
        """Use one of a rate, kept as in roost.engine.meter; not None: none is left for so many seconds."""
        found = self._sql.rows("SELECT until FROM used WHERE who=?", who)
        until = max(float(found[0][0]) if found else now, now) + seconds / amount
        if until - now > seconds * (1 + 1e-9):
            return until - now - seconds
        self._sql.run("INSERT OR REPLACE INTO used VALUES(?,?)", who, until)
        if not found:
            self._sql.run("DELETE FROM used WHERE who IN (SELECT who FROM used WHERE until<=? LIMIT 2)", now)
        return None


_CONDITIONS: Final = {"kind": "kind=?", "from": "key>=?", "below": "key<?", "after": "(kind,key)>(?,?)"}


class Registries:
    """All registry objects, from anywhere in the Worker."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    async def put(self, row: bytes) -> None:
        """Tell the agent's registry."""
        kind, key, *_ = from_json(row)
        text = to_json({"do": "put", "rows": [from_json(row)]}).decode()
        await self._namespace.ask(shard(Address(kind, key)), text)

    async def spend(self, who: Who, name: str, rate: Rate, now: float) -> float | None:
        """Use one of a caller's rate, exact over all objects."""
        whose = to_json([*who, name]).decode()
        use = {"who": whose, "amount": rate.amount, "seconds": rate.seconds, "now": now}
        answer = await self._namespace.ask(
            str(zlib.crc32(whose.encode()) % SHARDS), to_json({"do": "spend", "use": use}).decode()
        )
        found: float | None = from_json(answer)
        return found

    async def page(self, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
        """Every shard's first lines, merged."""
        where: list[list[str]] = []
        if kind is not None:
            where.append(["kind", kind])
        if prefix:
            where.append(["from", prefix])
            if (end := beyond(prefix)) is not None:
                where.append(["below", end])
        if start is not None:
            where.append(["after", *position(start)])
        limit = max(1, min(limit, PAGE))
        text = to_json({"do": "list", "where": where, "limit": limit + 1}).decode()
        answers = await asyncio.gather(*(self._namespace.ask(str(n), text) for n in range(SHARDS)))
        found: list[list[Any]] = [row for answer in answers for row in from_json(answer)]
        found.sort(key=lambda row: (row[0], row[1]))
        lines = tuple(
            Listed(Address(k, key), version, float(at), None if due is None else float(due))
            for k, key, version, at, due in found[:limit]
        )
        return Page(lines, cursor(lines[-1].address) if len(found) > limit else None)


class RegistryCounts:
    """Fills `roost.engine.meter.Counts`: agents that a caller has made."""

    def __init__(self, registries: Registries, host: Host) -> None:
        self._registries = registries
        self._host = host

    async def spend(self, who: Who, name: str, rate: Rate) -> float | None:
        return await self._registries.spend(who, name, rate, self._host.now())


class Listing:
    """One agent's line in the registry."""

    def __init__(self, registries: Registries, host: Host) -> None:
        self._registries = registries
        self._host = host
        self._known = False
        """Memory knows that the registry was told of this life."""
        self._last: Commit | None = None
        self._changed = 0.0
        self._told = 0.0
        self._waiting = False

    def lives(self, exists: bool) -> None:
        """What was loaded: an agent that exists was announced by its first commit."""
        self._known = exists

    def announce(self, c: Commit) -> None:
        """Add the envelope of a birth or a death to its commit."""
        if c.destroy or (c.state is not None and not self._known):
            id = f"{c.address}/{c.generation}/{'gone' if c.destroy else 'born'}/{c.version}"
            c.outbox = (*c.outbox, Envelope(id, Address(LISTED, shard(c.address)), "", to_json(line(c)), c.address))
            soon = c.at + REDELIVER
            c.armed = soon if c.armed is None else min(c.armed, soon)

    def committed(self, c: Commit) -> None:
        """The commit is durable: the line follows it."""
        if c.destroy:
            self._known, self._last = False, None
            return
        if c.state is not None:
            self._known = True
        if not self._known:
            return
        self._last, self._changed = c, self._host.monotonic()
        if not self._waiting:
            self._waiting = True
            self._told = self._changed
            self._host.call_later(QUIET, self._look)

    def _look(self) -> None:
        now = self._host.monotonic()
        quiet = self._changed + QUIET - now
        if quiet > 0.01 and now - self._told < SLACK:
            self._host.call_later(quiet, self._look)
            return
        self._waiting = False
        if self._last is not None:
            self._host.spawn(self._tell(self._last))

    async def _tell(self, c: Commit) -> None:
        await self._registries.put(to_json(line(c)))

    async def page(self, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
        return await self._registries.page(kind, prefix, start, limit)
