"""The tables (docs/contract.md, Layouts): all in the schema `roost`, an integer agent id in front of every key.

Whatever people or agents name is `bytea`: text of PostgreSQL holds no NUL, and sorts by the locale. `head` has one row
an agent, which is locked first by whoever writes for it: commits, letters, claims. A job has its own row to lock, so
that its journal waits for no commit. A destroyed agent keeps its row: an agent id is never used twice, and whoever has
learnt one may keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

from roost.contract.errors import TransientError

if TYPE_CHECKING:
    from .links import Connection

VERSION: Final = 1
"""Of the tables that this code makes and writes."""
AIDS: Final = 64
"""Agent ids that a worker takes at once."""

_LETTER: Final = """
    aid int8 NOT NULL, n int8 NOT NULL, id bytea NOT NULL, source text NOT NULL, principal bytea NOT NULL,
    action bytea NOT NULL, lane text NOT NULL, internal bool NOT NULL, attempts int4 NOT NULL, next float8 NOT NULL,
    keyed bool NOT NULL, claims bytea, args bytea NOT NULL, forwarded bytea"""
_LIVE: Final = """
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, key bytea, name bytea NOT NULL, fp bytea NOT NULL,
    started float8 NOT NULL, deadline float8 NOT NULL, source text NOT NULL, principal bytea NOT NULL"""

_FIRST: Final = f"""
CREATE SEQUENCE roost.aid INCREMENT {AIDS};
CREATE TABLE roost.host(
    id bytea PRIMARY KEY, until timestamptz NOT NULL, dead bool NOT NULL, peer text NOT NULL, kinds bytea[] NOT NULL,
    code text NOT NULL, schema int4 NOT NULL);
CREATE TABLE roost.head(
    aid int8 PRIMARY KEY, kind bytea NOT NULL, key bytea NOT NULL, schema int4 NOT NULL, gen int8 NOT NULL,
    fence int8 NOT NULL, version int8 NOT NULL, at float8 NOT NULL, seq int8 NOT NULL, sgen int8 NOT NULL, due float8,
    armed float8, released int8 NOT NULL, ticket int8 NOT NULL, waiting int4 NOT NULL, dead int4 NOT NULL,
    holder bytea, rings int8 NOT NULL DEFAULT 0, heard int8 NOT NULL DEFAULT 0, token bytea NOT NULL,
    state_version int8 NOT NULL, state bytea) WITH (fillfactor = 85);
CREATE UNIQUE INDEX head_address ON roost.head(kind, key);
CREATE INDEX head_armed ON roost.head(armed) WHERE armed IS NOT NULL;
CREATE INDEX head_holder ON roost.head(holder) WHERE holder IS NOT NULL;
CREATE INDEX head_rung ON roost.head(aid) WHERE rings <> heard;
CREATE TABLE roost.kv(aid int8 NOT NULL, k bytea NOT NULL, v bytea NOT NULL, PRIMARY KEY(aid, k));
CREATE TABLE roost.sched(
    aid int8 NOT NULL, k bytea NOT NULL, gen int8 NOT NULL, due float8 NOT NULL, spec bytea NOT NULL,
    target bytea NOT NULL, args bytea NOT NULL, attempts int4 NOT NULL, next float8, PRIMARY KEY(aid, k));
CREATE TABLE roost.inbox(
    aid int8 NOT NULL, id bytea NOT NULL, source text NOT NULL, principal bytea NOT NULL, expires float8 NOT NULL,
    fingerprint bytea NOT NULL, outcome text NOT NULL, value bytea NOT NULL, PRIMARY KEY(aid, id, source, principal));
CREATE INDEX inbox_expires ON roost.inbox(expires);
CREATE TABLE roost.log(
    aid int8 NOT NULL, seq int8 NOT NULL, kind bytea NOT NULL, at float8 NOT NULL, data bytea NOT NULL,
    PRIMARY KEY(aid, seq));
CREATE TABLE roost.outbox(
    aid int8 NOT NULL, id bytea NOT NULL, version int8 NOT NULL, i int4 NOT NULL, to_kind bytea NOT NULL,
    to_key bytea NOT NULL, action bytea NOT NULL, from_kind bytea NOT NULL, from_key bytea NOT NULL,
    generation int8 NOT NULL, lane text NOT NULL, internal bool NOT NULL, attempts int4 NOT NULL, next float8 NOT NULL,
    args bytea NOT NULL, PRIMARY KEY(aid, id));
CREATE TABLE roost.mail({_LETTER}, PRIMARY KEY(aid, n));
CREATE INDEX mail_id ON roost.mail(aid, id) WHERE keyed;
CREATE TABLE roost.answer(
    aid int8 NOT NULL, n int8 NOT NULL, at float8 NOT NULL, data bytea NOT NULL, PRIMARY KEY(aid, n));
CREATE INDEX answer_at ON roost.answer(at);
CREATE TABLE roost.dead({_LETTER}, at float8 NOT NULL, error bytea NOT NULL, PRIMARY KEY(aid, n));
CREATE TABLE roost.conn(
    aid int8 NOT NULL, cid bytea NOT NULL, label bytea NOT NULL, opened float8 NOT NULL, principal bytea, claims bytea,
    attachment bytea, PRIMARY KEY(aid, cid));
CREATE TABLE roost.job({_LIVE}, gen int8 NOT NULL, run int8 NOT NULL, base int8 NOT NULL, claim int8 NOT NULL,
    owner bytea NOT NULL, until float8 NOT NULL, due float8, bell int8 NOT NULL, held bool NOT NULL,
    held_until float8 NOT NULL, ended float8,
    PRIMARY KEY(aid, v, i));
CREATE INDEX job_due ON roost.job(due) WHERE due IS NOT NULL AND NOT held;
CREATE TABLE roost.job_row(
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, position int8 NOT NULL, claim int8 NOT NULL,
    data bytea NOT NULL, PRIMARY KEY(aid, v, i, position));
CREATE TABLE roost.job_note(
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, id bytea NOT NULL, kind text NOT NULL, name bytea NOT NULL,
    at float8 NOT NULL, source text NOT NULL, principal bytea NOT NULL, n int8 NOT NULL, taken bool NOT NULL,
    data bytea NOT NULL, PRIMARY KEY(aid, v, i, id));
CREATE TABLE roost.job_question(
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, id bytea NOT NULL, name bytea NOT NULL, asked float8 NOT NULL,
    expires float8 NOT NULL, closed float8, answer bytea, data bytea NOT NULL, PRIMARY KEY(aid, v, i, id));
CREATE TABLE roost.job_follow(
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, cid bytea NOT NULL, name bytea NOT NULL, after text NOT NULL,
    at float8 NOT NULL, expires float8, PRIMARY KEY(aid, v, i, cid, name));
CREATE TABLE roost.job_stream(
    aid int8 NOT NULL, v int8 NOT NULL, i int8 NOT NULL, first int8 NOT NULL, last int8 NOT NULL, claim int8 NOT NULL,
    data bytea NOT NULL, PRIMARY KEY(aid, v, i, first));
CREATE TABLE roost.job_end({_LIVE}, done int8 NOT NULL, place int4 NOT NULL, ended float8 NOT NULL,
    outcome bytea NOT NULL, PRIMARY KEY(aid, v, i));
"""
SCRIPTS: Final = (_FIRST,)
"""What makes version n + 1 of version n. They only add: an older worker goes on beside them."""
LEAST: Final = 1
"""`min_reader` of what this code writes: the oldest code that may work beside it."""

_META: Final = """
CREATE SCHEMA IF NOT EXISTS roost;
CREATE TABLE IF NOT EXISTS roost.meta(
    one bool PRIMARY KEY CHECK (one), version int4 NOT NULL, min_reader int4 NOT NULL);
INSERT INTO roost.meta VALUES(true, 0, 0) ON CONFLICT DO NOTHING;
"""


async def prepare(connection: Connection) -> None:
    """Make the tables, or bring them to this version. TransientError `newer-schema`: this code is too old for them.

    Workers that start at once take turns by the one row of `roost.meta`.
    """
    if await connection.fetchval("SELECT to_regclass('roost.meta')") is None:
        for _ in range(10):  # two that make it at once: one is refused, and finds it
            try:
                await connection.execute(_META)
                break
            except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateSchemaError):
                continue
    async with connection.transaction():
        found = await connection.fetchrow("SELECT version, min_reader FROM roost.meta FOR UPDATE")
        if found is None:
            await connection.execute("INSERT INTO roost.meta VALUES(true, 0, 0)")
        version, least = (0, 0) if found is None else found
        if least > VERSION:
            raise TransientError(
                f"the database has schema {version}, which this version of Roost (schema {VERSION}) can't work beside; "
                "run the newer one",
                code="newer-schema",
                retry_after=5.0,
            )
        for script in SCRIPTS[version:]:
            await connection.execute(script)
        if version < VERSION:
            await connection.execute("UPDATE roost.meta SET version=$1, min_reader=$2", VERSION, LEAST)
