"""A group of commits as one statement: data-modifying CTEs, so that it is one round trip and one flush of the log.

    w     what each commit wants: `o` is its number in the group, and stands in front of each row of the other arms
    l     rows of `head` that are as the commits know them, locked in the order of their ids: groups of two workers
          never wait for each other in a circle
    n     agents that are made
    m     letters that are consumed, locked: whoever takes a guest back locks `head` too, but moves no version
    ok    the commits that nothing speaks against; every other arm writes for these alone

All arms see the database as it was when the statement began. That is enough: an inbox row comes with a version, so
where `head` still has the base version none can have come since; and letters are locked, hence read anew.

Arms that nothing in the group needs are left out, so that a counter costs what a counter needs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from roost.contract.commit import Commit, Gone, Unschedule

from . import rows
from .alone import trim
from .rows import raw

_WANT: Final = (
    ("o", "int4"), ("aid", "int8"), ("kind", "bytea"), ("key", "bytea"), ("base", "int8"), ("gen", "int8"),
    ("fence", "int8"), ("schema", "int4"), ("version", "int8"), ("at", "float8"), ("seq", "int8"), ("sgen", "int8"),
    ("due", "float8"), ("armed", "float8"), ("released", "int8"), ("token", "bytea"), ("yields", "bool"),
    ("state", "bytea"), ("state_version", "int8"), ("hid", "bytea"), ("hsource", "text"), ("hprincipal", "bytea"),
    ("consumed", "int8"), ("answers", "bool"),
)  # fmt: skip
_LOCK: Final = (
    "l AS MATERIALIZED (SELECT w.o,h.aid FROM roost.head h JOIN w USING(aid) WHERE w.kind IS NULL AND "
    "h.version=w.base AND h.gen=w.gen AND h.fence<=w.fence ORDER BY h.aid FOR NO KEY UPDATE OF h)"
)
_MAKE: Final = (
    "n AS MATERIALIZED (INSERT INTO roost.head(aid,kind,key,schema,gen,fence,version,at,seq,sgen,due,armed,released,"
    "ticket,waiting,dead,token,state_version,state) SELECT aid,kind,key,schema,gen,fence,version,at,seq,sgen,due,armed,"
    "released,0,0,0,token,CASE WHEN state IS NULL THEN 1 ELSE state_version END,state FROM w "
    "WHERE kind IS NOT NULL AND (SELECT count(*) FROM l)>=0 ORDER BY kind,key "
    "ON CONFLICT(kind,key) DO NOTHING RETURNING aid)"
)
_LETTERS: Final = (
    "m AS MATERIALIZED (SELECT w.o,x.aid,x.n FROM roost.mail x JOIN w ON x.aid=w.aid AND x.n=w.consumed "
    "JOIN l ON l.o=w.o FOR UPDATE OF x)"
)
_UNKNOWN: Final = (
    " AND (w.hid IS NULL OR NOT EXISTS(SELECT 1 FROM roost.inbox i WHERE i.aid=w.aid AND i.id=w.hid "
    "AND i.source=w.hsource AND i.principal=w.hprincipal AND i.expires>w.at))"
)
_UPDATE: Final = (
    "u AS (UPDATE roost.head h SET schema=w.schema,fence=w.fence,version=w.version,at=w.at,seq=w.seq,sgen=w.sgen,"
    "due=w.due,armed=w.armed,released=w.released,token=w.token,"
    "holder=CASE WHEN w.yields THEN NULL ELSE h.holder END,state=coalesce(w.state,h.state),"
    "state_version=CASE WHEN w.state IS NULL THEN h.state_version ELSE w.state_version END{waiting} "
    "FROM w JOIN ok USING(o){join} WHERE h.aid=w.aid AND w.kind IS NULL)"
)


def _insert(table: str, columns: str, conflict: str) -> str:
    return (
        f"INSERT INTO roost.{table}(aid,{columns}) SELECT ok.aid,{columns} FROM {{x}} JOIN ok USING(o) {conflict}"
    )  # fmt: skip


def _over(key: str, columns: str) -> str:
    keys = key.split(",")
    sets = ",".join(f"{c}=excluded.{c}" for c in columns.split(",") if c not in keys)
    return f"ON CONFLICT(aid,{key}) DO UPDATE SET {sets}"


_TYPES: Final = {
    "k": "bytea", "v": "bytea", "id": "bytea", "source": "text", "principal": "bytea", "fingerprint": "bytea",
    "outcome": "text", "value": "bytea", "expires": "float8", "seq": "int8", "kind": "bytea", "data": "bytea",
    "at": "float8", "gen": "int8", "due": "float8", "spec": "bytea", "target": "bytea", "args": "bytea",
    "attempts": "int4", "next": "float8", "cid": "bytea", "label": "bytea", "opened": "float8", "claims": "bytea",
    "attachment": "bytea", "to_kind": "bytea", "to_key": "bytea", "action": "bytea", "from_kind": "bytea",
    "from_key": "bytea", "generation": "int8", "lane": "text", "internal": "bool", "version": "int8", "i": "int4",
    "edge": "int8", "n": "int8",
}  # fmt: skip
_LOG: Final = "seq,kind,data,at"
ARMS: Final = {
    "inbox": (rows.HANDLED, _insert("inbox", rows.HANDLED, _over("id,source,principal", rows.HANDLED))),
    "put": ("k,v", _insert("kv", "k,v", _over("k", "k,v"))),
    "drop": ("k", "DELETE FROM roost.kv y USING {x},ok WHERE ok.o=x.o AND y.aid=ok.aid AND y.k=x.k"),
    "log": (_LOG, _insert("log", _LOG, _over("seq", _LOG))),
    "trim": ("edge", "DELETE FROM roost.log y USING {x},ok WHERE ok.o=x.o AND y.aid=ok.aid AND y.seq<=x.edge"),
    "sched": (rows.SCHEDULE, _insert("sched", rows.SCHEDULE, _over("k", rows.SCHEDULE))),
    "unsched": ("k", "DELETE FROM roost.sched y USING {x},ok WHERE ok.o=x.o AND y.aid=ok.aid AND y.k=x.k"),
    "conn": (rows.CONNECTION, _insert("conn", rows.CONNECTION, _over("cid", rows.CONNECTION))),
    "gone": ("cid", "DELETE FROM roost.conn y USING {x},ok WHERE ok.o=x.o AND y.aid=ok.aid AND y.cid=x.cid"),
    "outbox": (
        f"version,i,{rows.ENVELOPE}",
        _insert("outbox", f"version,i,{rows.ENVELOPE}", _over("id", f"version,i,{rows.ENVELOPE}")),
    ),
    "answer": ("n,at,data", _insert("answer", "n,at,data", "ON CONFLICT DO NOTHING")),
    "defer": (
        "n,attempts,next",
        "UPDATE roost.mail y SET attempts=x.attempts,next=x.next FROM {x},ok "
        "WHERE ok.o=x.o AND y.aid=ok.aid AND y.n=x.n",
    ),
}  # fmt: skip
"""Name: (columns behind `o`, the statement; `{x}` is its rows)."""


@lru_cache(maxsize=80)
def text(arms: tuple[str, ...], fresh: bool, letters: bool) -> str:
    """The statement that has these arms."""
    count = len(_WANT)
    want = ",".join(f"${n}::{type}[]" for n, (_, type) in enumerate(_WANT, 1))
    parts = [
        f"w AS MATERIALIZED (SELECT * FROM unnest({want}) w({','.join(name for name, _ in _WANT)}))",
        _LOCK,
    ]
    found = "SELECT l.o,l.aid FROM l"
    if fresh:
        parts.append(_MAKE)
        found = f"({found} UNION ALL SELECT w.o,w.aid FROM n JOIN w USING(aid))"
    else:
        found = f"({found})"
    guest = ""
    if letters:
        parts.append(_LETTERS)
        guest = " AND (NOT w.answers OR EXISTS(SELECT 1 FROM m WHERE m.o=w.o))"
    parts.append(f"ok AS MATERIALIZED (SELECT f.o,f.aid FROM {found} f JOIN w USING(o) WHERE true{_UNKNOWN}{guest})")
    parts.append(
        _UPDATE.format(
            waiting=",waiting=h.waiting-(SELECT count(*)::int4 FROM m WHERE m.o=w.o)" if letters else "", join=""
        )
    )
    if letters:
        parts.append(
            "eaten AS (DELETE FROM roost.mail y USING m,ok WHERE ok.o=m.o AND y.aid=m.aid AND y.n=m.n)"
        )  # fmt: skip
    for arm in arms:
        columns, sql = ARMS[arm]
        names = columns.split(",")
        types = ["int4", *(_TYPES[name] for name in names)]
        marks = ",".join(f"${count + n}::{type}[]" for n, type in enumerate(types, 1))
        count += len(types)
        parts.append(f"a_{arm} AS ({sql.format(x=f'unnest({marks}) x(o,{columns})')})")
    return f"WITH {','.join(parts)} SELECT o FROM ok"


class Group:
    """The values of one statement, column by column."""

    def __init__(self, log_limit: int) -> None:
        self._log_limit = log_limit
        self._want: list[tuple[Any, ...]] = []
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._fresh = self._letters = False

    def add(self, o: int, aid: int, c: Commit, token: bytes, *, fresh: bool) -> None:
        """ValueError: it holds text that has no UTF-8; the group is as it was. `fresh`: nobody has this id yet."""
        h = c.handled
        names = (raw(c.address.kind), raw(c.address.key)) if fresh else (None, None)
        hid = (None, None, None) if h is None else (raw(h.id), h.source, raw(h.principal))
        want = (
            o, aid, *names, c.base, c.generation, c.fence, c.schema, c.version, float(c.at), c.seq, c.sgen, c.next_due,
            c.armed, c.released, token, c.yield_lease, c.state, c.state_version, *hid, c.consumed, c.answer is not None,
        )  # fmt: skip
        rows = _sides(o, c, self._log_limit)
        self._want.append(want)
        for arm, found in rows.items():
            self._rows.setdefault(arm, []).extend(found)
        self._fresh = self._fresh or fresh
        self._letters = self._letters or c.consumed is not None

    @property
    def empty(self) -> bool:
        return not self._want

    def statement(self) -> tuple[str, list[Any]]:
        """Its text and its values."""
        arms = tuple(arm for arm in ARMS if arm in self._rows)
        values: list[Any] = [list(column) for column in zip(*self._want, strict=True)]
        for arm in arms:
            values += [list(column) for column in zip(*self._rows[arm], strict=True)]
        return text(arms, self._fresh, self._letters), values


def _sides(o: int, c: Commit, log_limit: int) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of the arms that this commit needs. Of several for one key the last one counts."""
    out: dict[str, list[tuple[Any, ...]]] = {}
    if c.handled is not None:
        out["inbox"] = [(o, *rows.handled_row(c.handled))]
    if c.kv:
        last = {p.key: p.value for p in c.kv}
        _some(out, "put", [(o, raw(k), v) for k, v in last.items() if v is not None])
        _some(out, "drop", [(o, raw(k)) for k, v in last.items() if v is None])
    if c.log:
        out["log"] = [(o, e.seq, raw(e.kind), e.data, float(e.at)) for e in c.log]
        if edge := trim(c, log_limit):
            out["trim"] = [(o, edge)]
    if c.schedules:
        lines = {s.key: s for s in c.schedules}.values()
        _some(out, "sched", [(o, *rows.schedule_row(s)) for s in lines if not isinstance(s, Unschedule)])
        _some(out, "unsched", [(o, raw(s.key)) for s in lines if isinstance(s, Unschedule)])
    if c.connections:
        ends = {r.cid: r for r in c.connections}.values()
        _some(out, "conn", [(o, *rows.connection_row(r)) for r in ends if not isinstance(r, Gone)])
        _some(out, "gone", [(o, raw(r.cid)) for r in ends if isinstance(r, Gone)])
    if c.outbox:
        sent = {x.id: (i, x) for i, x in enumerate(c.outbox)}.values()
        out["outbox"] = [(o, c.version, i, *rows.envelope_row(x)) for i, x in sent]
    if c.answer is not None:
        out["answer"] = [(o, c.consumed, float(c.at), c.answer)]
    if (x := c.deferred) is not None:
        out["defer"] = [(o, x.n, x.attempts, float(x.next))]
    return out


def _some(out: dict[str, list[tuple[Any, ...]]], arm: str, found: list[tuple[Any, ...]]) -> None:
    if found:
        out[arm] = found


def common(c: Commit) -> bool:
    """It can go in a group; the rest is rare, and goes alone."""
    return not (c.destroy or c.restored or c.letters or c.dead or c.jobs or c.inbox)
