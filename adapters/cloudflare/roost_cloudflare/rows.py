"""Records to rows and back. Bytes are nearly always JSON: they are stored as text, which crosses as it is, and
as a blob only when they are no UTF-8. A list of rows crosses as one JSON argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Outcome, Row, Schedule
from roost.contract.sql import Statements
from roost.contract.trigger import Source

ARGUMENT: Final = 1_000_000
"""Characters of one JSON argument at most; the platform takes 2 MB."""

KV: Final = ("k", "v")
SCHEDULE: Final = ("k", "gen", "due", "spec", "target", "args", "attempts", "next")
ENTRY: Final = ("slot", "seq", "kind", "data", "at")
ENVELOPE: Final = (
    "id", "version", "i", "to_kind", "to_key", "action", "args", "from_kind", "from_key", "generation", "lane",
    "internal", "attempts", "next",
)  # fmt: skip
LETTER: Final = (
    "n", "id", "source", "principal", "action", "args", "lane", "internal", "attempts", "next", "claims", "keyed",
)  # fmt: skip
DEAD: Final = (*LETTER, "error", "died")
CONNECTION: Final = ("cid", "label", "opened", "principal", "claims", "attachment")
HANDLED: Final = ("id", "source", "principal", "fp", "outcome", "value", "exp")
SQL: Final = Statements("one=1", "", expires="exp")
_BYTES: Final = frozenset({"v", "spec", "args", "data", "claims", "error", "attachment", "fp", "value"})


def insert(table: str, columns: Sequence[str]) -> str:
    """INSERT OR REPLACE of all rows of one JSON argument."""
    found = ", ".join(
        f"CASE json_type(value, '$[{i}]') WHEN 'array' THEN unhex(value->>'$[{i}][0]') ELSE value->>{i} END"
        if name in _BYTES else f"value->>{i}"
        for i, name in enumerate(columns)
    )  # fmt: skip
    return f"INSERT OR REPLACE INTO {table}({', '.join(columns)}) SELECT {found} FROM json_each(?)"


def text(data: bytes) -> str | list[str]:
    """Bytes inside a JSON argument."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return [data.hex()]


def maybe(data: bytes | None) -> str | list[str] | None:
    return None if data is None else text(data)


def arguments(rows: Iterable[Sequence[Any]]) -> list[str]:
    """The rows as JSON arrays, none longer than the platform takes."""
    out: list[str] = []
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = to_json(row)
        if parts and size + len(part) > ARGUMENT:
            out.append((b"[" + b",".join(parts) + b"]").decode())
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        out.append((b"[" + b",".join(parts) + b"]").decode())
    return out


# A column that has lost its value or its type costs its own row: what reads the record finds nothing there that it can
# carry out, and makes a dead letter of it, or an error by name. It never costs the agent.


def back(value: Any) -> bytes:
    """A column of bytes; b"", which is no JSON, where it is none."""
    if isinstance(value, str):
        return value.encode()
    return b"" if value is None or isinstance(value, (int, float)) else bytes(value)


def maybe_back(value: Any) -> bytes | None:
    return None if value is None else back(value)


def words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def real(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) else 0


def letter_row(x: Letter, n: int) -> list[Any]:
    return [
        n, x.id, x.source, x.principal, x.action, text(x.args), x.lane, int(x.internal), x.attempts, x.next,
        maybe(x.claims), int(x.keyed),
    ]  # fmt: skip


def letter(row: Sequence[Any], n: int | None = None) -> Letter:
    own, id, source, principal, action, args, lane, internal, attempts, next, claims, keyed = row[:12]
    if not (isinstance(source, str) and isinstance(id, str)):
        source, args = "client", None  # nobody's words: they are not carried out
    return Letter(
        words(id), cast("Source", source), words(principal), words(action), back(args),
        "urgent" if lane == "urgent" else "standard", bool(internal), whole(attempts), real(next),
        own if n is None else n, maybe_back(claims), bool(keyed),
    )  # fmt: skip


def dead_row(d: DeadLetter, n: int) -> list[Any]:
    return [*letter_row(d.letter, n), text(d.error), d.at]


def dead(row: Sequence[Any]) -> DeadLetter:
    return DeadLetter(letter(row, 0), back(row[12]), real(row[13]), row[0])


def envelope_row(version: int, i: int, x: Envelope) -> list[Any]:
    return [
        x.id, version, i, *x.to, x.action, text(x.args), *x.sender, x.generation, x.lane, int(x.internal), x.attempts,
        x.next,
    ]  # fmt: skip


def envelope(row: Sequence[Any]) -> Envelope:
    id, _, _, to_kind, to_key, action, args, from_kind, from_key, generation, lane, internal, attempts, next = row
    to, sender = Address(words(to_kind), words(to_key)), Address(words(from_kind), words(from_key))
    return Envelope(
        id, to, words(action), back(args), sender, whole(generation), "urgent" if lane == "urgent" else "standard",
        bool(internal), whole(attempts), real(next),
    )  # fmt: skip


def schedule_row(s: Schedule) -> list[Any]:
    return [s.key, s.gen, s.due, text(s.spec), s.target, text(s.args), s.attempts, s.next]


def schedule(row: Sequence[Any]) -> Schedule:
    k, gen, due, spec, target, args, attempts, next = row
    if not isinstance(due, (int, float)):
        spec = args = None  # nobody knows when: it ends now, and does not run early
    after = None if next is None else real(next)
    return Schedule(k, whole(gen), real(due), back(spec), words(target), back(args), whole(attempts), after)


def connection_row(r: Row) -> list[Any]:
    return [r.cid, r.label, r.opened, r.principal, maybe(r.claims), maybe(r.attachment)]


def connection(row: Sequence[Any]) -> Row:
    cid, label, opened, principal, claims, attachment = row
    name = None if principal is None else words(principal)
    return Row(cid, words(label), real(opened), name, maybe_back(claims), maybe_back(attachment))


def handled(row: Sequence[Any]) -> Handled:
    id, source, principal, fp, outcome, value, exp = row
    if not isinstance(outcome, str):
        outcome, value = "value", None
    return Handled(source, principal, id, back(fp), cast("Outcome", outcome), back(value), real(exp))


def entry(row: Sequence[Any]) -> Entry:
    seq, kind, data, at = row
    return Entry(whole(seq), words(kind), back(data), real(at))
