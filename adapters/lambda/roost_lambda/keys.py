"""Keys of the table. PK of an agent is kind#key; of what belongs to none, something that starts with `#`.

    L                 the head: lease, fence, bell; version and the other columns; a small state itself
    N                 the counter of tickets, never in a transaction
    M#n               a parked letter                   O#version.i   an envelope under way
    A#n               what the parked trigger n came to
    S#e#i  K#e#key  T#e#key  P#e#cid                    state in pieces, values, schedules, connections (peers)
    I#e#src#principal#id  E#e#slot  D#e#n               inbox, log ring, dead letters
    J, G, H, Y, W, U, R, F, Z, X                        jobs: job_items.py

`e` is the agent's epoch: destroying or importing an agent changes it, and with that one item all rows of the former
epoch are gone at once, however many there are. Sort keys compare by the bytes of their UTF-8.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from roost.contract.address import Address
from roost.contract.listing import beyond

HEAD: Final = "L"
TICKETS: Final = "N"
REGISTRY: Final = "#kinds"
"""PK of the list of kinds that ever had an agent."""
FIRST: Final = "0"
"""The epoch of an agent that was never destroyed nor imported."""
LONGEST: Final = 900
"""Bytes of a sort key that is written out (DynamoDB allows 1024); longer ones end in a hash."""
LAST: Final = "\U0010ffff"


def partition(address: Address) -> str:
    """PK of an agent."""
    return f"{address.kind}#{address.key}"


def address_of(pk: str) -> Address:
    """The agent of a PK."""
    kind, _, key = pk.partition("#")
    return Address(kind, key)


def connection(cid: str) -> str:
    """PK of the row that leads from a connection to its agent."""
    return f"#conn#{cid}"


def letter(n: int) -> str:
    return f"M#{n:016d}"


def answer(n: int) -> str:
    return f"A#{n:016d}"


def envelope(version: int, i: int) -> str:
    return f"O#{version:016d}.{i:04d}"


def state(epoch: str, i: int) -> str:
    return f"S#{epoch}#{i:03d}"


def value(epoch: str, key: str) -> str:
    return f"K#{epoch}#{key}"


def schedule(epoch: str, key: str) -> str:
    return f"T#{epoch}#{key}"


def peer(epoch: str, cid: str) -> str:
    return f"P#{epoch}#{cid}"


def inbox(epoch: str, source: str, principal: str, id: str) -> str:
    """Ids of asks grow with their depth, so a long one is hashed, whole."""
    plain = f"I#{epoch}#{source}#{len(principal)}#{principal}#{id}"
    if len(plain.encode(errors="surrogatepass")) <= LONGEST:
        return plain
    return f"I#{epoch}~{blake2b(plain.encode(errors='surrogatepass'), digest_size=32).hexdigest()}"


def slot(epoch: str, seq: int, ring: int) -> str:
    return f"E#{epoch}#{seq % ring:08d}"


def grave(epoch: str, n: int) -> str:
    return f"D#{epoch}#{n:020d}"


def whole(prefix: str) -> tuple[str, str]:
    """Bounds of all sort keys that start with `prefix`, and of at most one more: the upper bound itself."""
    return prefix, beyond(prefix) or LAST


def shard(pk: str) -> str:
    """Which partition of the index of wakes an agent is in."""
    return f"w{blake2b(pk.encode(), digest_size=1).digest()[0] % SHARDS}"


SHARDS: Final = 8
