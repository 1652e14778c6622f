"""Rows of the side tables to records and back.

A column that has lost its value or its type (somebody edited the file) costs its own row: what reads the record finds
nothing there that it can carry out, and makes a dead letter of it, or an error by name. It never costs the agent, its
neighbours or the server. A row without its key can't even be deleted by what reads it: it is passed over.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, cast

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Outcome, Row, Schedule
from roost.contract.sql import Statements
from roost.contract.trigger import Lane, Source

Values: TypeAlias = tuple[Any, ...]
LETTER: Final = "id,source,principal,action,args,lane,internal,attempts,next,n,claims,keyed"
LETTER_MARKS: Final = "?,?,?,?,?,?,?,?,?,?,?,?"
ENVELOPE: Final = (
    "id,to_kind,to_key,action,args,from_kind,from_key,generation,lane,internal,attempts,next,version,i,aid"
)
HANDLED: Final = "source,principal,id,fingerprint,outcome,value,expires"
SCHEDULE: Final = "k,gen,due,spec,target,args,attempts,next"
CONNECTION: Final = "cid,label,opened,principal,claims,attachment"
DEAD: Final = f"{LETTER},error,at"
SQL: Final = Statements("aid=?", "aid=?", time="nullif(?,'')", expires="expires")
"""'' stands for NULL where it is written most, and a bytearray for bytes: anything but int, float, str and bytearray is
shown to adapters first (`sqlite3.register_adapter`), which takes longer than to write it."""

FAR: Final = 1e15
"""Epoch seconds that no time reaches. In SQL also what divides times from what is none: text and blobs are greater."""

# One column ----------------------------------------------------------------------------------------------


def loosely(raw: bytes) -> str | bytes:
    """A text of SQLite, which may be no UTF-8: then it is like a blob. `text_factory` of a connection."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def back(value: Any) -> bytes:
    """Bytes; b"", which is no JSON, where there are none. Text is what people write by hand."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    return value if isinstance(value, bytes) else b""


def maybe_back(value: Any) -> bytes | None:
    return None if value is None else back(value)


def words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def real(value: Any) -> float:
    return value if isinstance(value, (int, float)) and abs(value) < FAR else 0.0


def maybe_real(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and abs(value) < FAR else None


def whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and abs(value) < 2**63 else 0


def _lane(value: Any) -> Lane:
    return "urgent" if value == "urgent" else "standard"


# Records -------------------------------------------------------------------------------------------------

_LETTERS: Final = frozenset(
    (str, str, str, str, bytes, str, int, int, float, int, claims, int) for claims in (bytes, type(None))
)
"""Types of the columns of a letter that nobody has edited."""


def letter_row(x: Letter, n: int) -> Values:
    return (
        x.id, x.source, x.principal, x.action, x.args, x.lane, x.internal, x.attempts, x.next, n, x.claims, x.keyed,
    )  # fmt: skip


def letter(row: Values) -> Letter:
    id, source, principal, action, args, lane, internal, attempts, next, n, claims, keyed = row
    if tuple(map(type, row)) in _LETTERS and next < FAR:
        return Letter(id, source, principal, action, args, lane, bool(internal), attempts, next, n, claims, bool(keyed))
    if not (isinstance(source, str) and isinstance(id, str) and isinstance(principal, str)):
        source, args = "client", None  # nobody's words: they are not carried out
    return Letter(
        words(id), cast("Source", source), words(principal), words(action), back(args), _lane(lane), bool(internal),
        whole(attempts), real(next), n, maybe_back(claims), bool(keyed),
    )  # fmt: skip


def dead(row: Values) -> DeadLetter:
    n, error, at = row[9], row[12], row[13]
    return DeadLetter(letter((*row[:9], 0, *row[10:12])), back(error), real(at), n)


def envelope_row(aid: int, version: int, i: int, x: Envelope) -> Values:
    return (
        x.id, *x.to, x.action, x.args, *x.sender, x.generation, x.lane, x.internal, x.attempts, x.next, version, i, aid,
    )  # fmt: skip


def envelope(row: Values) -> Envelope:
    id, to_kind, to_key, action, args, from_kind, from_key, generation, lane, internal, attempts, next = row[:12]
    to, sender = Address(words(to_kind), words(to_key)), Address(words(from_kind), words(from_key))
    return Envelope(
        id, to, words(action), back(args), sender, whole(generation), _lane(lane), bool(internal), whole(attempts),
        real(next),
    )  # fmt: skip


def handled(row: Values) -> Handled:
    source, principal, id, fingerprint, outcome, value, expires = row
    if not isinstance(outcome, str):
        outcome, value = "value", None
    return Handled(source, principal, id, back(fingerprint), cast("Outcome", outcome), back(value), real(expires))


def schedule(row: Values) -> Schedule:
    k, gen, due, spec, target, args, attempts, next = row
    if maybe_real(due) is None:
        spec = args = None  # nobody knows when: it ends now, and does not run early
    after = maybe_real(next)
    return Schedule(k, whole(gen), real(due), back(spec), words(target), back(args), whole(attempts), after)


def connection(row: Values) -> Row:
    cid, label, opened, principal, claims, attachment = row
    name = None if principal is None else words(principal)
    return Row(cid, words(label), real(opened), name, maybe_back(claims), maybe_back(attachment))


def entry(row: Values) -> Entry:
    seq, kind, data, at = row
    return Entry(whole(seq), words(kind), back(data), real(at))
