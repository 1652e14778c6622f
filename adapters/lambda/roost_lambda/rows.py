"""Records as items and back, by the columns of columns.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Row, Schedule

from . import keys
from .client import Item
from .columns import ENTRY, ENVELOPE, HANDLED, LETTER, PEER, SCHEDULE

if TYPE_CHECKING:
    from .table import Table

GRACE: Final = 24 * 3600.0
"""Seconds that DynamoDB's own deletion comes after a row is of no use."""
PIECE: Final = 350 * 1024
"""Bytes of a value in one item, which DynamoDB limits to 400 KB with its keys."""
ANSWER: Final = 3600.0
"""Seconds the answer to a parked trigger is kept."""


def s(text: str) -> Item:
    return {"S": text}


def n(number: float) -> Item:
    return {"N": repr(number)}


def b(data: bytes) -> Item:
    return {"B": data}


def text(item: Item, name: str, default: str = "") -> str:
    found = item.get(name)
    return default if found is None else str(found["S"])


def whole(item: Item, name: str, default: int = 0) -> int:
    found = item.get(name)
    return default if found is None else int(float(found["N"])) if "." in found["N"] else int(found["N"])


def real(item: Item, name: str, default: float = 0.0) -> float:
    found = item.get(name)
    return default if found is None else float(found["N"])


def maybe(item: Item, name: str) -> float | None:
    found = item.get(name)
    return None if found is None else float(found["N"])


def data(item: Item, name: str) -> bytes:
    found = item.get(name)
    return b"" if found is None else bytes(found["B"])


def bare(pk: str, sk: str, **attributes: Item | None) -> Item:
    """An item; what is None is left out."""
    item: Item = {"pk": s(pk), "sk": s(sk)}
    for name, value in attributes.items():
        if value is not None:
            item[name] = value
    return item


def row(pk: str, sk: str, attributes: Item) -> Item:
    """An item of these attributes."""
    return {"pk": s(pk), "sk": s(sk), **attributes}


def put_letter(pk: str, life: str, x: Letter) -> Item:
    return row(pk, keys.letter(x.n), {"e": s(life), **LETTER.write(x)})


def letter(item: Item) -> Letter:
    sk = item["sk"]["S"]
    return LETTER.read(item, n=int(sk[2:]) if sk.startswith("M#") else 0)


def put_dead(pk: str, epoch: str, number: int, dead: DeadLetter) -> Item:
    more = {"er": b(dead.error), "dt": n(dead.at)}
    return row(pk, keys.grave(epoch, number), {**LETTER.write(dead.letter), **more})


def dead(item: Item) -> DeadLetter:
    return DeadLetter(letter(item), data(item, "er"), real(item, "dt"), int(item["sk"]["S"].rpartition("#")[2]))


def put_envelope(pk: str, sk: str, x: Envelope) -> Item:
    return row(pk, sk, ENVELOPE.write(x))


def envelope(item: Item) -> Envelope:
    return ENVELOPE.read(item)


def put_schedule(pk: str, epoch: str, x: Schedule) -> Item:
    return row(pk, keys.schedule(epoch, x.key), SCHEDULE.write(x))


def schedule(item: Item) -> Schedule:
    found = SCHEDULE.read(item)
    return found if found.key else replace(found, key=_of_key(item))


def put_peer(pk: str, epoch: str, x: Row) -> Item:
    return row(pk, keys.peer(epoch, x.cid), PEER.write(x))


def peer(item: Item) -> Row:
    found = PEER.read(item)
    return found if found.cid else replace(found, cid=_of_key(item))


def _of_key(item: Item) -> str:
    """What a damaged row was called, by its sort key: letter, epoch, name."""
    return str(item["sk"]["S"]).split("#", 2)[2]


def put_handled(pk: str, sk: str, x: Handled, ttl: float) -> Item:
    return row(pk, sk, {**HANDLED.write(x), "ttl": n(int(ttl))})


def handled(item: Item | None) -> Handled | None:
    """The stored outcome; None also when an id only waits."""
    return None if item is None or "o" not in item else HANDLED.read(item)


def put_entry(pk: str, epoch: str, ring: int, x: Entry) -> Item:
    return row(pk, keys.slot(epoch, x.seq, ring), ENTRY.write(x))


def entry(item: Item) -> Entry:
    return ENTRY.read(item)


def answer_items(pk: str, letter: int, answer: bytes, now: float) -> list[Item]:
    """The answer to a guest, in as many pieces as it takes."""
    pieces = [answer[i : i + PIECE] for i in range(0, len(answer), PIECE)] or [b""]
    return [
        bare(
            pk, keys.answer(letter) + (f"~{i}" if i else ""), d=b(x) if x else None, c=n(len(pieces)),
            ttl=n(int(now + ANSWER)),
        )
        for i, x in enumerate(pieces)
    ]  # fmt: skip


def inbox_line(table: Table, pk: str, sk: str, row: Handled, at: float) -> Item:
    """Put an outcome unless there is one that has not expired. A letter that waits under the id is no outcome."""
    return table.put_line(
        put_handled(pk, sk, row, row.expires + GRACE),
        "attribute_not_exists(o) OR x <= :at",
        {":at": n(at)},
    )
