"""What is read, each with one statement: what it shows is of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from roost.contract.address import Address
from roost.contract.commit import LETTERS, DeadLetter, Entry, Handled, Letter, Listed, Page, Snapshot, Taken
from roost.contract.listing import PAGE, cursor, position
from roost.contract.trigger import Source

from . import rows
from .job_rows import LIVE, live
from .rows import raw

if TYPE_CHECKING:
    from .links import Connection


def _side(columns: str, table: str, order: str, limit: str = "") -> str:
    """The rows that an agent has in a side table, as one array of records; NULL: none."""
    inner = f"SELECT {columns} FROM roost.{table} WHERE aid=h.aid ORDER BY {order}{limit}"
    return f"(SELECT array_agg(ROW({columns}) ORDER BY {order}) FROM ({inner}) x)"


_OF: Final = "(SELECT aid FROM roost.head WHERE kind=$1 AND key=$2)"
LOAD: Final = (
    "SELECT h.aid,schema,gen,fence,version,at,seq,sgen,due,armed,released,state_version,waiting,dead,state,"
    + ",".join(
        (
            _side(rows.SCHEDULE, "sched", "k"),
            _side(rows.CONNECTION, "conn", "opened,cid"),
            _side(f"{rows.ENVELOPE},version,i", "outbox", "version,i"),
            f"CASE WHEN waiting>0 THEN {_side(rows.LETTER, 'mail', 'n', f' LIMIT {LETTERS}')} END",
            _side(LIVE, "job", "v,i"),
        )
    )
    + " FROM roost.head h WHERE kind=$1 AND key=$2"
)
_LETTERS: Final = f"SELECT {rows.LETTER} FROM roost.mail WHERE aid={_OF} AND n>$3 ORDER BY n LIMIT $4"
_DEAD: Final = f"SELECT {rows.DEAD} FROM roost.dead WHERE aid={_OF} AND n>$3 ORDER BY n LIMIT $4"
_OUTCOME: Final = f"SELECT {rows.HANDLED} FROM roost.inbox WHERE aid={_OF} AND id=$3 AND source=$4 AND principal=$5"
_OWN: Final = (
    f"SELECT {rows.HANDLED} FROM roost.inbox WHERE aid={_OF} AND id>=$3 AND ($4::bytea IS NULL OR id<$4) "
    "AND source='agent' AND principal=$5"
)
_LOG: Final = (
    "SELECT h.seq, (SELECT min(seq) FROM roost.log WHERE aid=h.aid AND seq>h.seq-$3), (SELECT array_agg(ROW(seq,kind,"
    "data,at) ORDER BY seq) FROM (SELECT seq,kind,data,at FROM roost.log WHERE aid=h.aid AND seq>greatest($4,h.seq-$3) "
    "AND ($5::bytea[] IS NULL OR kind=ANY($5)) ORDER BY seq LIMIT $6) x) FROM roost.head h WHERE kind=$1 AND key=$2"
)
_BYTES: Final = {
    "kv": ("k", "v"), "sched": ("k", "spec", "args"), "inbox": ("id", "value"), "log": ("data",), "outbox": ("args",),
    "mail": ("args",), "dead": ("args", "error"), "conn": ("claims", "attachment"), "job_row": ("data",),
    "job_note": ("data",), "job_question": ("data",), "job_stream": ("data",), "job_end": ("outcome",),
}  # fmt: skip
_SIZE: Final = "SELECT octet_length(key)+coalesce(octet_length(state),0)" + "".join(
    f"+coalesce((SELECT sum({'+'.join(f'coalesce(octet_length({c}),0)' for c in columns)}) FROM roost.{table} "
    "WHERE aid=h.aid),0)"
    for table, columns in _BYTES.items()
) + " FROM roost.head h WHERE kind=$1 AND key=$2"  # fmt: skip


def names(address: Address) -> tuple[bytes, bytes]:
    return raw(address.kind), raw(address.key)


def after_all(prefix: bytes) -> bytes | None:
    """The least bytes greater than all that begin with `prefix`, which is UTF-8: its last byte is never 255."""
    return prefix[:-1] + bytes((prefix[-1] + 1,)) if prefix else None


def snapshot(address: Address, row: rows.Values, taken: Taken = "given") -> Snapshot:
    (
        _, schema, gen, fence, version, at, seq, sgen, due, armed, released, state_version, waiting, dead, state,
        schedules, connections, outbox, letters, jobs,
    ) = row  # fmt: skip
    return Snapshot(
        address, schema, gen, fence, version, at, seq, sgen, due, armed, released, state, state_version,
        tuple(map(rows.schedule, schedules or ())),
        tuple(map(rows.connection, connections or ())),
        tuple(rows.envelope(x[:12]) for x in outbox or ()),
        tuple(map(rows.letter, letters or ())), waiting, dead,
        tuple(map(live, jobs or ())), taken,
    )  # fmt: skip


async def load(link: Connection, address: Address) -> tuple[int | None, Snapshot]:
    """The agent's id, if it has one, and what is stored of it."""
    row = await link.fetchrow(LOAD, *names(address))
    return (None, Snapshot(address)) if row is None else (row[0], snapshot(address, row))


async def get(link: Connection, address: Address, keys: Sequence[str]) -> dict[str, bytes]:
    found = await link.fetch(
        f"SELECT k,v FROM roost.kv WHERE aid={_OF} AND k=ANY($3::bytea[])", *names(address), [raw(key) for key in keys]
    )
    return {k.decode(): v for k, v in found}


async def scan(
    link: Connection, address: Address, prefix: str, after: str, limit: int, reverse: bool
) -> list[tuple[str, bytes]]:
    beyond, order = ("<", "k DESC") if reverse else (">", "k")
    found = await link.fetch(
        f"SELECT k,v FROM roost.kv WHERE aid={_OF} AND ($3=''::bytea OR k{beyond}$3) AND k>=$4 "
        f"AND ($5::bytea IS NULL OR k<$5) ORDER BY {order} LIMIT $6",
        *names(address), raw(after), raw(prefix), after_all(raw(prefix)), limit,
    )  # fmt: skip
    return [(k.decode(), v) for k, v in found]


async def outcome(link: Connection, address: Address, source: Source, principal: str, id: str) -> Handled | None:
    row = await link.fetchrow(_OUTCOME, *names(address), raw(id), source, raw(principal))
    return None if row is None else rows.handled(row)


async def own(link: Connection, address: Address, prefix: str) -> list[Handled]:
    """What the agent did to itself under ids with the prefix."""
    found = await link.fetch(_OWN, *names(address), raw(prefix), after_all(raw(prefix)), raw(str(address)))
    return list(map(rows.handled, found))


async def parked(link: Connection, address: Address, after: int, limit: int) -> list[Letter]:
    return list(map(rows.letter, await link.fetch(_LETTERS, *names(address), after, limit)))


async def dead(link: Connection, address: Address, after: int, limit: int) -> list[DeadLetter]:
    return list(map(rows.dead, await link.fetch(_DEAD, *names(address), after, limit)))


async def log(
    link: Connection, address: Address, after: int, kinds: frozenset[str], limit: int, kept: int
) -> tuple[list[Entry], int]:
    """`kept`: entries that a log has at most."""
    wanted = [raw(kind) for kind in kinds] or None
    row = await link.fetchrow(_LOG, *names(address), kept, after, wanted, limit)
    if row is None:
        return [], 1
    seq, first, found = row
    return [rows.entry(x) for x in found or ()], seq + 1 if first is None else first


async def page(link: Connection, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
    values: list[Any] = []

    def mark(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    sql = "SELECT kind,key,version,at,due FROM roost.head WHERE state IS NOT NULL"
    if kind is not None:
        sql += f" AND kind={mark(raw(kind))}"
    if prefix:
        sql += f" AND key>={mark(raw(prefix))} AND key<{mark(after_all(raw(prefix)))}"
    if start is not None:
        sql += " AND (kind,key)>({},{})".format(*map(mark, names(position(start))))
    limit = max(1, min(limit, PAGE))
    found = await link.fetch(f"{sql} ORDER BY kind,key LIMIT {mark(limit + 1)}", *values)
    lines = tuple(Listed(Address(k.decode(), key.decode()), v, at, due) for k, key, v, at, due in found[:limit])
    return Page(lines, cursor(lines[-1].address) if lines and len(found) > limit else None)


async def size(link: Connection, address: Address) -> int:
    return int(await link.fetchval(_SIZE, *names(address)) or 0)
