"""An agent as a document: portable between backends, versioned, checksummed (rule 29)."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypedDict

from ..author.action import describe
from ..author.schedule import Spec
from ..contract.address import Address, check_key
from ..contract.commit import Commit, DeadLetter, Entry, Letter, Put, Schedule
from ..contract.encoding import encode
from ..contract.errors import AgentError, Rejected
from ..contract.export_keys import CHECKSUM, SIGNATURE
from ..contract.legible import carried, legible
from ..contract.trigger import Lane, Source
from ..contract.unsent import FORWARD, unsent
from ..tick.image import Image
from .export_values import Count, Instant, levels, member

if TYPE_CHECKING:
    from .export_jobs import Jobs

FORMAT: Final = "roost-export"
VERSION: Final = 3
"""2: letters travel, and the claims of dead ones; what is no JSON travels as base64. 3: with jobs, where there are any;
a document without is of schema 2, which older versions read too."""


def checksum(document: Mapping[str, Any]) -> str:
    """SHA-256, hex, over the canonical JSON of all members but itself and its signature."""
    body = {k: v for k, v in document.items() if k not in (CHECKSUM, SIGNATURE)}
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def dump(
    image: Image,
    kv: Sequence[tuple[str, bytes]],
    log: Sequence[Entry],
    letters: Sequence[Letter],
    dead: Sequence[DeadLetter],
    jobs: Jobs | None = None,
) -> dict[str, Any]:
    """The document of an agent. `letters`: all that wait, but guests, whose callers are waiting here."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "schema": VERSION if jobs else VERSION - 1,
        "kind": image.address.kind,
        "key": image.address.key,
        "version": image.version,
        "at": image.at,
        "seq": image.seq,
        "state_version": image.state_version,
        **member("state", image.state or b"null"),
        "kv": [_pair(key, value) for key, value in kv],
        "schedules": [
            {
                "key": s.key, "due": s.due, **member("spec", s.spec), "target": s.target, **member("args", s.args),
                "attempts": s.attempts, "next": s.next,
            }
            for s in sorted(image.schedules.values(), key=lambda s: s.key)
        ],
        "log": [{"seq": e.seq, "kind": e.kind, **member("data", e.data), "at": e.at} for e in log],
        "letters": [_letter(x) for x in letters],
        "dead_letters": [{**_letter(d.letter), **member("error", d.error), "at": d.at} for d in dead],
    }  # fmt: skip
    if jobs:
        document |= jobs.dump()
    document[CHECKSUM] = checksum(document)
    return document


def _letter(x: Letter) -> dict[str, Any]:
    return {
        "id": x.id, "source": x.source, "principal": x.principal, "action": x.action, **member("arguments", x.args),
        "lane": x.lane, "internal": x.internal, "attempts": x.attempts, "next": x.next, "keyed": x.keyed,
        **({} if x.claims is None else member("claims", x.claims)),
    }  # fmt: skip


def _pair(key: str, raw: bytes) -> list[Any]:
    whole, data = carried(raw)
    return [key, data] if whole else [key, None, b64encode(raw or b"").decode()]


def dead_letter(dead: DeadLetter) -> dict[str, Any]:
    """A dead letter as the routes show it."""
    return {**waiting_letter(dead.letter), "error": legible(dead.error), "at": dead.at}


def waiting_letter(x: Letter) -> dict[str, Any]:
    """A letter as the routes show it. `to`: it is this agent's own, which its receiver refused for good."""
    out: dict[str, Any] = {
        "id": x.id, "source": x.source, "principal": x.principal, "action": x.action, "arguments": legible(x.args),
        "lane": x.lane, "internal": x.internal, "attempts": x.attempts,
    }  # fmt: skip
    if x.action == FORWARD:
        try:
            to, action, args, internal = unsent(x.args)
        except ValueError:
            return out
        out |= {"to": str(to), "action": action, "arguments": legible(args), "internal": internal}
    return out


def legibly(entry: Entry) -> Entry:
    """The entry, with what is wrong in place of data that can't be read: it is shown inside JSON as it is."""
    found = legible(entry.data)
    if isinstance(found, dict) and "unreadable" in found:
        return Entry(entry.seq, entry.kind, to_json(found), entry.at)
    return entry


def check(document: Mapping[str, Any], address: Address) -> None:
    """Rejected names what is wrong with a document."""
    if document.get("format") != FORMAT:
        raise _bad("it is no Roost export: the member `format` is missing or another")
    if document.get("schema") not in range(1, VERSION + 1):
        raise _bad(f"its schema is {document.get('schema')!r}; this version reads 1 to {VERSION}")
    if document.get(CHECKSUM) != checksum(document):
        raise _bad("its checksum does not match: it was changed or cut")
    if document.get("kind") != address.kind:
        raise _bad(f"it holds an agent of kind {document.get('kind')!r}, not {address.kind!r}")


def restore(document: Mapping[str, Any], image: Image, at: float) -> Commit:
    """The commit that makes `image`'s address the exported agent. Rejected names a member that is wrong."""
    try:
        doc = _shape().validate_python(_today(document))
        for line in doc["schedules"]:
            if "spec" in line:
                Spec.load(line["spec"])
        version = max(image.version, doc["version"]) + 1
        commit = Commit(image.address, image.generation, image.version, version, max(at, doc["at"]), image.fence)
        if document.get("schema") == VERSION:
            from .export_jobs import restore as restore_jobs

            restore_jobs(commit, document, _bytes)
    except ValidationError as error:
        raise _bad(describe(error)) from None
    except ValueError as error:
        raise _bad(str(error)) from None
    commit.state, commit.state_version = _bytes(doc, "state"), doc["state_version"]
    commit.kv = tuple(Put(check_key(key, what="a key of kv"), _value(rest)) for key, *rest in doc["kv"])
    commit.schedules = tuple(
        Schedule(
            check_key(s["key"], what="a schedule's key"), n, s["due"], _bytes(s, "spec"), s["target"],
            _bytes(s, "args"), s["attempts"], s["next"],
        )
        for n, s in enumerate(doc["schedules"], 1)
    )  # fmt: skip
    commit.log = tuple(Entry(e["seq"], e["kind"], _bytes(e, "data"), e["at"]) for e in doc["log"])
    commit.letters = tuple(_restored(x) for x in doc["letters"])
    commit.dead = tuple(DeadLetter(_restored(d), _bytes(d, "error"), d["at"]) for d in doc["dead_letters"])
    commit.seq = max(doc["seq"], *(e.seq for e in commit.log), 0)
    commit.sgen = len(commit.schedules)
    commit.released = version
    commit.restored = True
    return commit


def _today(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document of schema 1 as one of today: its letters did not travel, nor the claims of its dead."""
    if document.get("schema") != 1:
        return document
    return {**document, "letters": []}


def _value(given: list[Any]) -> bytes:
    return _bytes({"value": given[0]}, "value") if len(given) == 1 else _bytes({"value_base64": given[1]}, "value")


def _bytes(line: Mapping[str, Any], name: str) -> bytes:
    """The stored JSON of a member. Rejected: it is neither there nor given as bytes."""
    if name in line:
        try:
            return encode(line[name], f"the member `{name}` of the document", levels(name))
        except AgentError as error:
            raise _bad(error.message) from None
    try:
        return b64decode(line[f"{name}_base64"], validate=True)
    except (KeyError, ValueError):
        raise _bad(f"a member `{name}` is missing, or its base64 is none") from None


def _restored(x: _Letter) -> Letter:
    claims = _bytes(x, "claims") if "claims" in x or "claims_base64" in x else None
    return Letter(
        x["id"], x["source"], x["principal"], x["action"], _bytes(x, "arguments"), x["lane"], x["internal"],
        x["attempts"], x.get("next", 0.0), claims=claims, keyed=x.get("keyed", True),
    )  # fmt: skip


class _Arguments(TypedDict):
    args: list[Any]
    kwargs: dict[str, Any]


class _Schedule(TypedDict):
    key: str
    due: Instant
    spec: NotRequired[dict[str, Any]]
    spec_base64: NotRequired[str]
    target: str
    args: NotRequired[_Arguments]
    args_base64: NotRequired[str]
    attempts: Count
    next: Instant | None


class _Entry(TypedDict):
    seq: Annotated[int, Field(ge=1, le=2**52)]
    kind: str
    data: NotRequired[Any]
    data_base64: NotRequired[str]
    at: Instant


class _Letter(TypedDict):
    id: str
    source: Source
    principal: str
    action: str
    arguments: NotRequired[_Arguments]
    arguments_base64: NotRequired[str]
    lane: Lane
    internal: bool
    attempts: Count
    next: NotRequired[Instant]
    keyed: NotRequired[bool]
    claims: NotRequired[dict[str, Any]]
    claims_base64: NotRequired[str]


class _Dead(_Letter):
    error: NotRequired[dict[str, Any]]
    error_base64: NotRequired[str]
    at: Instant


class _Document(TypedDict):
    version: Count
    at: Instant
    seq: Count
    state_version: Annotated[int, Field(ge=1, le=2**31)]
    state: NotRequired[Any]
    state_base64: NotRequired[str]
    kv: list[tuple[str, Any] | tuple[str, None, str]]
    schedules: list[_Schedule]
    log: list[_Entry]
    letters: list[_Letter]
    dead_letters: list[_Dead]


@cache
def _shape() -> TypeAdapter[_Document]:
    """Made at the first import: most processes never see one."""
    return TypeAdapter(_Document)


def _bad(why: str) -> Rejected:
    return Rejected(f"the document can't be imported: {why}", code="bad-export", status=422)
