"""The tables of the local store (docs/contract.md, Layouts): an integer agent id stands in front of every key.

`head` has one row an agent, the state last, so that reading or changing the other columns leaves its overflow
pages alone. The log is kept by `seq`, not by slot: nothing here is paid by the row, and a changed limit then
needs no rewriting. Numbers of letters come from `head.ticket`; `waiting` and `dead` count, so that no write
ever counts rows. A destroyed agent keeps its row in `head`: an agent id is never used twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from roost.contract.errors import RoostError, TransientError
from roost.hosting.jobs.tables import tables

C = TypeVar("C", bound=sqlite3.Connection)
VERSION: Final = 3
"""`PRAGMA user_version` of files this code writes."""
APPLICATION: Final = 0x526F6F73
"""`PRAGMA application_id`: tells our files from any other SQLite file."""
_JOBS: Final = f"""{tables(shared=True)}
CREATE INDEX job_due ON job(due) WHERE due IS NOT NULL AND held<>1;
"""
MIGRATIONS: Final[Mapping[int, str]] = {1: _JOBS, 2: f"DROP INDEX IF EXISTS job_due;{_JOBS}"}
"""Version -> the script that makes it the next one."""
OLDEST: Final = (3, 35, 0)
"""SQLite with RETURNING."""

_LETTER: Final = """
    aid INTEGER NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL, source TEXT NOT NULL, principal TEXT NOT NULL,
    action TEXT NOT NULL, lane TEXT NOT NULL, internal INTEGER NOT NULL, attempts INTEGER NOT NULL,
    next REAL NOT NULL, keyed INTEGER NOT NULL, claims BLOB, args BLOB NOT NULL"""

TABLES: Final = f"""
CREATE TABLE head(
    aid INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, schema INTEGER NOT NULL, gen INTEGER NOT NULL,
    fence INTEGER NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL, seq INTEGER NOT NULL, sgen INTEGER NOT NULL,
    due REAL, armed REAL, released INTEGER NOT NULL, ticket INTEGER NOT NULL, waiting INTEGER NOT NULL,
    dead INTEGER NOT NULL, state_version INTEGER NOT NULL, state BLOB);
CREATE UNIQUE INDEX head_address ON head(kind, key);
CREATE INDEX head_armed ON head(armed) WHERE armed IS NOT NULL;
CREATE TABLE kv(aid INTEGER NOT NULL, k TEXT NOT NULL, v BLOB NOT NULL, PRIMARY KEY(aid, k)) WITHOUT ROWID;
CREATE TABLE sched(
    aid INTEGER NOT NULL, k TEXT NOT NULL, gen INTEGER NOT NULL, due REAL NOT NULL, spec BLOB NOT NULL,
    target TEXT NOT NULL, args BLOB NOT NULL, attempts INTEGER NOT NULL, next REAL, PRIMARY KEY(aid, k)) WITHOUT ROWID;
CREATE TABLE inbox(
    aid INTEGER NOT NULL, id TEXT NOT NULL, source TEXT NOT NULL, principal TEXT NOT NULL, expires REAL NOT NULL,
    fingerprint BLOB NOT NULL, outcome TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(aid, id, source, principal)) WITHOUT ROWID;
CREATE TABLE log(
    aid INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(aid, seq)) WITHOUT ROWID;
CREATE TABLE outbox(
    aid INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, i INTEGER NOT NULL, to_kind TEXT NOT NULL,
    to_key TEXT NOT NULL, action TEXT NOT NULL, from_kind TEXT NOT NULL, from_key TEXT NOT NULL,
    generation INTEGER NOT NULL, lane TEXT NOT NULL, internal INTEGER NOT NULL, attempts INTEGER NOT NULL,
    next REAL NOT NULL, args BLOB NOT NULL, PRIMARY KEY(aid, id)) WITHOUT ROWID;
CREATE TABLE mail({_LETTER}, PRIMARY KEY(aid, n)) WITHOUT ROWID;
CREATE INDEX mail_id ON mail(aid, id) WHERE keyed;
CREATE TABLE dead({_LETTER}, at REAL NOT NULL, error BLOB NOT NULL, PRIMARY KEY(aid, n)) WITHOUT ROWID;
CREATE TABLE conn(
    aid INTEGER NOT NULL, cid TEXT NOT NULL, label TEXT NOT NULL, opened REAL NOT NULL, principal TEXT, claims BLOB,
    attachment BLOB, PRIMARY KEY(aid, cid)) WITHOUT ROWID;
{_JOBS}"""


def connect(path: Path, factory: type[C]) -> C:
    """A connection without implicit transactions; whoever uses it sees to it that one thread does at a time."""
    connection = sqlite3.connect(
        path, timeout=0.25, isolation_level=None, check_same_thread=False, cached_statements=256, factory=factory
    )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-32000")
    connection.execute("PRAGMA wal_autocheckpoint=4000")  # 16 MB: a checkpoint is two more fsyncs for its group
    connection.execute(f"PRAGMA journal_size_limit={64 << 20}")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to this version. TransientError when they are newer than this code."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise RoostError(f"this Python has SQLite {sqlite3.sqlite_version}; the local store needs 3.35 or newer")
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION and not empty:
        raise RoostError(f"{path} is an SQLite file, but none of Roost's; use another --data", code="foreign-data")
    if found > VERSION:
        raise TransientError(
            f"{path} has schema {found}, this version of Roost reads {VERSION}; run the newer one",
            code="newer-schema",
            retry_after=5.0,
        )
    connection.execute("PRAGMA journal_mode=WAL")
    if empty:
        _script(connection, f"PRAGMA application_id={APPLICATION};{TABLES}", VERSION)
        return
    for version in range(found, VERSION):
        _script(connection, MIGRATIONS[version], version + 1)


def _script(connection: sqlite3.Connection, script: str, version: int) -> None:
    connection.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version={version};COMMIT;")
