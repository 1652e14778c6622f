"""Rules of what a reader is sent: the chunks of a call, and the log of an agent (rules 17, 18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roost.contract.address import Address

from .model import Model


class Chunks:
    """One streaming call as its reader sees it: the chunks of one run, in order, and an end that is durable."""

    def __init__(self, model: Model, whose: str, ids: dict[str, str] | None = None) -> None:
        self.model = model
        self.whose = whose
        self.ids = {} if ids is None else ids
        """Chunk id -> the run it was of; of all that the same key has streamed."""
        self.count = 0
        self.token = ""
        self.whole = True
        """None can have been lost."""

    def reset(self) -> None:
        """What came so far is void."""
        self.count, self.token = 0, ""

    def chunk(self, mark: Mapping[str, Any], id: str = "") -> None:
        """The next one. Each says which run it is of, and its place; but what a plan emits by the way."""
        if "i" not in mark:
            return
        if id and self.ids.setdefault(id, mark["token"]) != mark["token"]:
            self.model.broken("stream", f"{self.whose}: chunk {id} of {mark['token']} and of {self.ids[id]}")
        if self.count and mark["token"] != self.token:
            self.model.broken(
                "stream", f"{self.whose}: chunks of {mark['token']} after those of {self.token}, no reset"
            )
        if self.whole and mark["i"] != self.count:
            self.model.broken("stream", f"{self.whose}: chunk {mark['i']} after {self.count} of them")
        self.token, self.count = mark["token"], mark["i"] + 1

    def ended(self, op: str, most: int) -> None:
        """It went well. Who repeats a key gets no chunks."""
        if not self.model.effects[op]:
            self.model.broken("gate", f"{self.whose}: the stream of {op} has ended, and nothing is durable")
        if not self.count:
            return
        if self.token not in self.model.tokens:
            self.model.broken("gate", f"{self.whose}: the stream of {op} was of {self.token}, which is not durable")
        if self.whole and self.count != most:
            self.model.broken("stream", f"{self.whose}: {self.count} chunks of {most}")


class Followed:
    """One reader's place in the log of an agent. Entry n is of run n."""

    def __init__(self, model: Model, address: Address, whose: str) -> None:
        self.model = model
        self.address = address
        self.whose = whose
        self.position = 0
        self.shown: set[str] = set()
        """Tokens. A store may let readers see a commit just before it says so: they are judged at rest."""
        self.places: dict[tuple[str, int], tuple[str, int]] = {}
        """Trigger and generation -> (attempt, place) of its last chunk, over one connection."""
        self.ids: set[tuple[str, int]] = set()
        """Of all chunks, over every connection: a run that breaks off with its host is followed by another."""

    def entry(self, seq: int, mark: Mapping[str, Any]) -> None:
        if seq != self.position + 1:
            self.model.broken("log", f"{self.whose} got entry {seq} after {self.position}")
        if mark["n"] != seq:
            self.model.broken("log", f"{self.whose} got entry {seq}: {mark}")
        self.position = seq
        self.shown.add(mark["token"])

    def chunk(self, id: str) -> None:
        """`id`: {trigger}.{attempt}.{i}"""
        trigger, attempt, place = id.rsplit(".", 2)
        life = self.model.life(self.address).generation  # a key may be used again in the next
        if (id, life) in self.ids:
            self.model.broken("stream", f"{self.whose} got chunk {id} of two runs")
        self.ids.add((id, life))
        before = self.places.get((trigger, life))
        if before is not None and (before[0] != attempt or int(place) != before[1] + 1):
            self.model.broken("stream", f"{self.whose} got chunk {id} after {before}, no reset")
        self.places[trigger, life] = attempt, int(place)

    def reset(self, id: str) -> None:
        self.places.pop((id.rsplit(".", 2)[0], self.model.life(self.address).generation), None)
