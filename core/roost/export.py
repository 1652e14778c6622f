"""An agent as a document: portable between backends, versioned, checksummed (semantics 29)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from pydantic_core import from_json, to_json

from .address import Address
from .commit import Commit, DeadLetter, Entry, Letter, Put, Schedule
from .errors import Rejected
from .image import Image

FORMAT: Final = "roost-export"
VERSION: Final = 1


def checksum(document: Mapping[str, Any]) -> str:
    """SHA-256, hex, over the canonical JSON of all members but itself."""
    body = {k: v for k, v in document.items() if k != "sha256"}
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def dump(
    image: Image, kv: Sequence[tuple[str, bytes]], log: Sequence[Entry], dead: Sequence[DeadLetter]
) -> dict[str, Any]:
    """The document of an agent."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "schema": VERSION,
        "kind": image.address.kind,
        "key": image.address.key,
        "version": image.version,
        "at": image.at,
        "seq": image.seq,
        "state_version": image.state_version,
        "state": from_json(image.state or b"null"),
        "kv": [[key, from_json(value)] for key, value in kv],
        "schedules": [
            {
                "key": s.key, "due": s.due, "spec": from_json(s.spec), "target": s.target, "args": from_json(s.args),
                "attempts": s.attempts, "next": s.next,
            }
            for s in sorted(image.schedules.values(), key=lambda s: s.key)
        ],
        "log": [{"seq": e.seq, "kind": e.kind, "data": from_json(e.data), "at": e.at} for e in log],
        "dead_letters": [dead_letter(d) for d in dead],
    }  # fmt: skip
    document["sha256"] = checksum(document)
    return document


def dead_letter(dead: DeadLetter) -> dict[str, Any]:
    """A dead letter as the routes and the export show it."""
    x = dead.letter
    return {
        "id": x.id, "source": x.source, "principal": x.principal, "action": x.action, "arguments": from_json(x.args),
        "lane": x.lane, "internal": x.internal, "attempts": x.attempts, "error": from_json(dead.error), "at": dead.at,
    }  # fmt: skip


def check(document: Mapping[str, Any], address: Address) -> None:
    """Rejected names what is wrong with a document."""
    if document.get("format") != FORMAT:
        raise _bad("it is no Roost export: the member `format` is missing or another")
    if document.get("schema") != VERSION:
        raise _bad(f"its schema is {document.get('schema')!r}; this version reads {VERSION}")
    if document.get("sha256") != checksum(document):
        raise _bad("its checksum does not match: it was changed or cut")
    if document.get("kind") != address.kind:
        raise _bad(f"it holds an agent of kind {document.get('kind')!r}, not {address.kind!r}")


def restore(document: Mapping[str, Any], image: Image, at: float) -> Commit:
    """The commit that makes `image`'s address the exported agent."""
    version = max(image.version, int(document["version"])) + 1
    commit = Commit(
        image.address, image.generation, image.version, version, max(at, float(document["at"])), image.fence
    )
    try:
        commit.state = to_json(document["state"])
        commit.state_version = int(document["state_version"])
        commit.kv = tuple(Put(key, to_json(value)) for key, value in document["kv"])
        commit.schedules = tuple(
            Schedule(
                s["key"],
                n,
                float(s["due"]),
                to_json(s["spec"]),
                s["target"],
                to_json(s["args"]),
                s["attempts"],
                s["next"],
            )
            for n, s in enumerate(document["schedules"], 1)
        )
        commit.log = tuple(Entry(e["seq"], e["kind"], to_json(e["data"]), float(e["at"])) for e in document["log"])
        commit.dead = tuple(
            DeadLetter(
                Letter(
                    d["id"], d["source"], d["principal"], d["action"], to_json(d["arguments"]), d["lane"], d["internal"],
                    d["attempts"],
                ),
                to_json(d["error"]), float(d["at"]),
            )
            for d in document["dead_letters"]
        )  # fmt: skip
        commit.seq = int(document["seq"])
    except (KeyError, TypeError, ValueError) as error:
        raise _bad(f"a member is missing or of the wrong type: {error!r}") from None
    commit.sgen = len(commit.schedules)
    commit.released = version
    commit.restored = True
    return commit


def _bad(why: str) -> Rejected:
    return Rejected(f"the document can't be imported: {why}", code="bad-export", status=422)
