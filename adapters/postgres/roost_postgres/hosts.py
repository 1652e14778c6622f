"""The rows of `host`: who lives, by the database's own clock (docs/pool.md). Live, then dead, never live again.

A host whose time is over is not dead yet: it may only be late. It is dead once it is marked so, by itself or, a second
later, by another; from then on its agents may be taken, and it takes nothing any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.contract.errors import TransientError

from .schema import VERSION

if TYPE_CHECKING:
    from .links import Connection

TTL: Final = 4.0
"""Seconds that a beat lasts."""
MARGIN: Final = 1.0
"""Seconds past its end after which a host may be marked dead, and before it when it is sure of itself no more."""
LINKS: Final = 10
"""Connections of a worker: one commits, one beats, eight do the rest."""

_DEAD: Final = (
    "WITH gone AS (UPDATE roost.host SET dead=true WHERE NOT dead AND {which} RETURNING id) "
    "UPDATE roost.head SET rings=rings+1 WHERE holder IN (SELECT id FROM gone) "
    "AND EXISTS(SELECT 1 FROM roost.conn c WHERE c.aid=head.aid)"
)
"""Agents that had connections are rung for: somebody looks which of them are left (rule 25)."""
BURY: Final = _DEAD.format(which=f"until+interval '{MARGIN} s'<clock_timestamp()")
KILL: Final = _DEAD.format(which="id=$1")
BEAT: Final = (
    f"UPDATE roost.host SET until=clock_timestamp()+interval '{TTL} s' WHERE id=$1 AND NOT dead "
    "AND until>clock_timestamp() RETURNING extract(epoch FROM clock_timestamp())::float8"
)
_ENTER: Final = (
    f"INSERT INTO roost.host(id,until,dead,peer,kinds,code,schema) VALUES($1,clock_timestamp()+interval '{TTL} s',"
    f"false,'',$2,$3,{VERSION}) RETURNING extract(epoch FROM clock_timestamp())::float8"
)
_OTHERS: Final = (
    "SELECT id,extract(epoch FROM until)::float8 FROM roost.host WHERE NOT dead ORDER BY until DESC LIMIT 1"
)
_OLD: Final = "DELETE FROM roost.host h WHERE dead AND until<clock_timestamp()-interval '1 day' AND NOT EXISTS(" \
    "SELECT 1 FROM roost.head WHERE holder=h.id)"  # fmt: skip
_SETTINGS: Final = (
    "SELECT current_setting('synchronous_commit'),current_setting('max_connections')::int4,"
    "current_setting('server_version_num')::int4,pg_is_in_recovery()"
)


async def enter(link: Connection, name: bytes, kinds: list[bytes], code: str) -> float | tuple[bytes, float]:
    """Make the row of a new host: the database's time; or who lives, and until when. Takes turns by `roost.meta`."""
    async with link.transaction():
        await link.fetchval("SELECT version FROM roost.meta FOR UPDATE")
        await link.execute(BURY)
        await link.execute(_OLD)
        if (other := await link.fetchrow(_OTHERS)) is not None:
            return other[0], other[1]
        # Nobody lives, so there is no socket: whoever has a connection is to find it gone.
        await link.execute("UPDATE roost.head SET rings=rings+1 WHERE aid IN (SELECT aid FROM roost.conn)")
        return float(await link.fetchval(_ENTER, name, kinds, code))


async def check(link: Connection) -> None:
    """TransientError: a database that would lose what it acknowledged, or has no room for a worker."""
    durable, most, version, replica = await link.fetchrow(_SETTINGS) or ("on", 0, 0, False)
    if durable == "off":
        raise TransientError(
            "the database has synchronous_commit off: it would lose what it has acknowledged; turn it on for this "
            "database or user", code="not-durable",
        )  # fmt: skip
    if replica:
        raise TransientError("the database takes no writes: it is a replica; name the primary", code="storage")
    if most < LINKS + 3:
        raise TransientError(
            f"the database allows {most} connections; a worker needs {LINKS}, beside the 3 that PostgreSQL keeps "
            "for its operators: raise max_connections", code="store-busy",
        )  # fmt: skip
    if version < 160000:
        raise TransientError(
            f"the database is PostgreSQL {version // 10000}; 16 and 18 are what is tested", code="old-database"
        )
