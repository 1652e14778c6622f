"""An agent as a document: portable between backends, versioned, checksummed (semantics 29)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict

from ..author.action import describe
from ..author.schedule import Spec
from ..contract.address import Address, check_key
from ..contract.commit import Commit, DeadLetter, Entry, Letter, Put, Schedule
from ..contract.errors import Rejected
from ..contract.trigger import Lane, Source
from ..tick.image import Image

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
    """The commit that makes `image`'s address the exported agent. Rejected names a member that is wrong."""
    try:
        doc = _shape().validate_python(document)
        for line in doc["schedules"]:
            Spec.load(line["spec"])
    except ValidationError as error:
        raise _bad(describe(error)) from None
    except ValueError as error:
        raise _bad(str(error)) from None
    version = max(image.version, doc["version"]) + 1
    commit = Commit(image.address, image.generation, image.version, version, max(at, doc["at"]), image.fence)
    commit.state, commit.state_version = to_json(doc["state"]), doc["state_version"]
    commit.kv = tuple(Put(check_key(key), to_json(value)) for key, value in doc["kv"])
    commit.schedules = tuple(
        Schedule(
            s["key"], n, s["due"], to_json(s["spec"]), s["target"], to_json(s["args"]), s["attempts"], s["next"]
        )
        for n, s in enumerate(doc["schedules"], 1)
    )  # fmt: skip
    commit.log = tuple(Entry(e["seq"], e["kind"], to_json(e["data"]), e["at"]) for e in doc["log"])
    commit.dead = tuple(
        DeadLetter(
            Letter(
                d["id"], d["source"], d["principal"], d["action"], to_json(d["arguments"]), d["lane"], d["internal"],
                d["attempts"],
            ),
            to_json(d["error"]), d["at"],
        )
        for d in doc["dead_letters"]
    )  # fmt: skip
    commit.seq = max(doc["seq"], *(e.seq for e in commit.log), 0)
    commit.sgen = len(commit.schedules)
    commit.released = version
    commit.restored = True
    return commit


Count = Annotated[int, Field(ge=0)]


class _Arguments(TypedDict):
    args: list[Any]
    kwargs: dict[str, Any]


class _Schedule(TypedDict):
    key: str
    due: float
    spec: dict[str, Any]
    target: str
    args: _Arguments
    attempts: Count
    next: float | None


class _Entry(TypedDict):
    seq: Annotated[int, Field(ge=1)]
    kind: str
    data: Any
    at: float


class _Dead(TypedDict):
    id: str
    source: Source
    principal: str
    action: str
    arguments: _Arguments
    lane: Lane
    internal: bool
    attempts: Count
    error: dict[str, Any]
    at: float


class _Document(TypedDict):
    version: Count
    at: float
    seq: Count
    state_version: Annotated[int, Field(ge=1)]
    state: Any
    kv: list[tuple[str, Any]]
    schedules: list[_Schedule]
    log: list[_Entry]
    dead_letters: list[_Dead]


@cache
def _shape() -> TypeAdapter[_Document]:
    """Made at the first import: most processes never see one."""
    return TypeAdapter(_Document)


def _bad(why: str) -> Rejected:
    return Rejected(f"the document can't be imported: {why}", code="bad-export", status=422)
