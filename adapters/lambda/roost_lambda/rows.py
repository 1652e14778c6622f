"""Records as items and back. Attributes have short names: the head is paid by the kilobyte, twice a tick."""

from __future__ import annotations

from typing import Any

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Entry, Envelope, Handled, Letter, Row, Schedule

from . import keys
from .client import Item


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


def put_letter(pk: str, life: str, x: Letter) -> Item:
    return bare(
        pk, keys.letter(x.n), e=s(life), i=s(x.id), sr=s(x.source), pr=s(x.principal) if x.principal else None,
        a=s(x.action) if x.action else None, d=b(x.args) if x.args else None,
        u=n(1) if x.lane == "urgent" else None, it=n(1) if x.internal else None,
        at=n(x.attempts) if x.attempts else None, nx=n(x.next) if x.next else None,
        cl=None if x.claims is None else b(x.claims), uk=None if x.keyed else n(1),
        tr=None if x.trigger is None else b(x.trigger),
    )  # fmt: skip


def letter(item: Item) -> Letter:
    sk = item["sk"]["S"]
    return Letter(
        text(item, "i"), item["sr"]["S"], text(item, "pr"), text(item, "a"), data(item, "d"),
        "urgent" if "u" in item else "standard", "it" in item, whole(item, "at"), real(item, "nx"),
        int(sk[2:]) if sk.startswith("M#") else 0, data(item, "cl") if "cl" in item else None, "uk" not in item,
        data(item, "tr") if "tr" in item else None,
    )  # fmt: skip


def put_dead(pk: str, epoch: str, number: int, dead: DeadLetter) -> Item:
    item = put_letter(pk, "", dead.letter)
    del item["e"]
    item["sk"] = s(keys.grave(epoch, number))
    item["er"], item["dt"] = b(dead.error), n(dead.at)
    return item


def dead(item: Item) -> DeadLetter:
    return DeadLetter(letter(item), data(item, "er"), real(item, "dt"), int(item["sk"]["S"].rpartition("#")[2]))


def put_envelope(pk: str, sk: str, x: Envelope) -> Item:
    return bare(
        pk, sk, i=s(x.id), tk=s(x.to.kind), to=s(x.to.key), a=s(x.action), d=b(x.args) if x.args else None,
        sk2=s(x.sender.kind), sn=s(x.sender.key), g=n(x.generation) if x.generation else None,
        u=n(1) if x.lane == "urgent" else None, it=n(1) if x.internal else None,
        at=n(x.attempts) if x.attempts else None, nx=n(x.next) if x.next else None,
    )  # fmt: skip


def envelope(item: Item) -> Envelope:
    return Envelope(
        text(item, "i"), Address(text(item, "tk"), text(item, "to")), text(item, "a"), data(item, "d"),
        Address(text(item, "sk2"), text(item, "sn")), whole(item, "g"), "urgent" if "u" in item else "standard",
        "it" in item, whole(item, "at"), real(item, "nx"),
    )  # fmt: skip


def put_schedule(pk: str, epoch: str, x: Schedule) -> Item:
    return bare(
        pk, keys.schedule(epoch, x.key), k=s(x.key), g=n(x.gen), du=n(x.due), sp=b(x.spec), t=s(x.target),
        d=b(x.args), at=n(x.attempts) if x.attempts else None, nx=None if x.next is None else n(x.next),
    )  # fmt: skip


def schedule(item: Item) -> Schedule:
    return Schedule(
        text(item, "k"), whole(item, "g"), real(item, "du"), data(item, "sp"), text(item, "t"), data(item, "d"),
        whole(item, "at"), maybe(item, "nx"),
    )  # fmt: skip


def put_peer(pk: str, epoch: str, x: Row) -> Item:
    return bare(
        pk, keys.peer(epoch, x.cid), c=s(x.cid), l=s(x.label) if x.label else None, o=n(x.opened),
        pr=None if x.principal is None else s(x.principal), cl=None if x.claims is None else b(x.claims),
        d=None if x.attachment is None else b(x.attachment),
    )  # fmt: skip


def peer(item: Item) -> Row:
    return Row(
        text(item, "c"), text(item, "l"), real(item, "o"), item["pr"]["S"] if "pr" in item else None,
        data(item, "cl") if "cl" in item else None, data(item, "d") if "d" in item else None,
    )  # fmt: skip


def put_handled(pk: str, sk: str, x: Handled, ttl: float) -> Item:
    return bare(
        pk, sk, sr=s(x.source), pr=s(x.principal) if x.principal else None, i=s(x.id),
        f=b(x.fingerprint) if x.fingerprint else None, o=s(x.outcome), d=b(x.value) if x.value else None,
        x=n(x.expires), ttl=n(int(ttl)),
    )  # fmt: skip


def handled(item: Item | None) -> Handled | None:
    """The stored outcome; None also when an id only waits."""
    if item is None or "o" not in item:
        return None
    outcome: Any = item["o"]["S"]
    return Handled(
        item["sr"]["S"], text(item, "pr"), text(item, "i"), data(item, "f"), outcome, data(item, "d"), real(item, "x")
    )


def put_entry(pk: str, epoch: str, ring: int, x: Entry) -> Item:
    return bare(pk, keys.slot(epoch, x.seq, ring), q=n(x.seq), k=s(x.kind), d=b(x.data) if x.data else None, at=n(x.at))


def entry(item: Item) -> Entry:
    return Entry(whole(item, "q"), text(item, "k"), data(item, "d"), real(item, "at"))
