"""The tables of one object (docs/contract.md, Layouts). One object is one agent, so no key starts with whose it is.

A Durable Object pays for each row written, deleted ones and those of indexes too: text keys are WITHOUT ROWID,
the log is a ring of slots that are overwritten, and `head` is one row, the state last. `kind` and `key` stand
in it because an alarm does not say whose it is.
"""

from __future__ import annotations

from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS head(
    one INTEGER PRIMARY KEY, kind TEXT, key TEXT, schema INTEGER, gen INTEGER, fence INTEGER, version INTEGER, at REAL,
    seq INTEGER, sgen INTEGER, due REAL, armed REAL, released INTEGER, ticket INTEGER, waiting INTEGER, dead INTEGER,
    ring INTEGER, state_version INTEGER, state);
CREATE TABLE IF NOT EXISTS kv(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sched(
    k TEXT PRIMARY KEY, gen INTEGER, due REAL, spec, target TEXT, args, attempts INTEGER, next REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox(
    id TEXT, source TEXT, principal TEXT, fp, outcome TEXT, value, exp REAL,
    PRIMARY KEY(id, source, principal)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log(slot INTEGER PRIMARY KEY, seq INTEGER, kind TEXT, data, at REAL);
CREATE TABLE IF NOT EXISTS outbox(
    id TEXT PRIMARY KEY, version INTEGER, i INTEGER, to_kind TEXT, to_key TEXT, action TEXT, args, from_kind TEXT,
    from_key TEXT, generation INTEGER, lane TEXT, internal INTEGER, attempts INTEGER, next REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mail(
    n INTEGER PRIMARY KEY, id TEXT, source TEXT, principal TEXT, action TEXT, args, lane TEXT, internal INTEGER,
    attempts INTEGER, next REAL, claims, keyed INTEGER);
CREATE TABLE IF NOT EXISTS dead(
    n INTEGER PRIMARY KEY, id TEXT, source TEXT, principal TEXT, action TEXT, args, lane TEXT, internal INTEGER,
    attempts INTEGER, next REAL, claims, keyed INTEGER, error, died REAL);
CREATE TABLE IF NOT EXISTS conn(
    cid TEXT PRIMARY KEY, label TEXT, opened REAL, principal TEXT, claims, attachment) WITHOUT ROWID;
"""
