"""Routes of the operator: hibernate, export, import, migrate, reset, destroy. All behind the admin token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from roost.contract.encoding import DEPTH, DOCUMENT
from roost.contract.errors import Rejected
from roost.contract.export_keys import SIGNATURE, ExportKeys
from roost.contract.trigger import NOTHING, Destroy, Import, Purge, Trigger, TriggerKind

from . import body, query
from .answer import JSON, NO_SNIFF, NO_STORE, Answer, as_json
from .exchange import Exchange

if TYPE_CHECKING:
    from roost.contract.job_mark import JobMark

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_CHECKSUM: Final = re.compile(rb'"sha256":"([0-9a-f]{64})"}\Z')


def _trigger(x: Exchange, kind: TriggerKind) -> Trigger:
    return Trigger(kind, NOTHING, source="admin", caller=x.caller, lane="urgent")


async def hibernate(x: Exchange) -> Answer:
    """POST .../hibernate: out of memory after the running tick."""
    return as_json({"hibernated": await x.runtime.hibernate(x.address)})


async def disconnect(x: Exchange) -> Answer:
    """POST .../disconnect: close the WebSockets of a client, by its principal."""
    doc = body.members(await x.json(x.runtime.limits.http_body), {"principal"})
    principal = doc.get("principal")
    if not isinstance(principal, str) or not principal:
        raise body.bad("`principal` must be the text that the auth hook calls the client")
    return as_json({"closed": await x.runtime.disconnect(x.address, principal)})


async def export(x: Exchange) -> Answer:
    """GET .../export: the agent as a document, offered as a file; signed where the deployment has a key."""
    document = await x.dispatch(_trigger(x, "export"))
    if keys := x.site.operators.exports:
        document = _signed(document, keys)
    name = f"{x.address.kind}-{x.address.key}.json"
    plain = _UNSAFE.sub("_", name)[:100]
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Answer(200, document, [JSON, NO_STORE, NO_SNIFF, (b"content-disposition", disposition.encode())])


async def restore(x: Exchange) -> Answer:
    """PUT .../export[?unsigned=true]: an exported document becomes this agent, which must not exist."""
    unsigned = query.flag(x.query, "unsigned", False)
    document = await x.json(x.runtime.limits.export, "export", DEPTH + DOCUMENT)
    if not isinstance(document, dict):
        raise body.bad("it must be an exported document, an object")
    if (keys := x.site.operators.exports) and not unsigned:
        keys.check(document)  # pyright: ignore[reportUnknownArgumentType] (JSON)
    trigger = Trigger("import", Import(document), source="admin", caller=x.caller)  # pyright: ignore[reportUnknownArgumentType] (JSON)
    return Answer(200, await x.dispatch(trigger))


def _signed(document: bytes, keys: ExportKeys) -> bytes:
    """With one member more: the document ends with its checksum, and may be large."""
    found = _CHECKSUM.search(document, len(document) - 100)
    assert found is not None
    signature = keys.signature(found[1].decode())
    return document[:-1] + f',"{SIGNATURE}":"{signature}"}}'.encode()


async def letters(x: Exchange) -> Answer:
    """GET .../letters: what waits in the mailbox, a page after `after`."""
    after, limit = query.number(x.query, "after", 0, 0, 2**53), query.number(x.query, "limit", 100, 1, 1000)
    return as_json({"letters": await x.runtime.letters(x.address, after, limit)})


async def purge(x: Exchange) -> Answer:
    """DELETE .../letters[?id=]: what waits goes, unrun; for some seconds at most, so ask again until none is left."""
    trigger = Trigger("purge", Purge(query.plain(x.query, "id")), source="admin", caller=x.caller, lane="urgent")
    return Answer(200, await x.dispatch(trigger))


async def purge_dead(x: Exchange) -> Answer:
    """DELETE .../dead-letters[?id=]: gone for good."""
    return as_json({"purged": await x.runtime.purge_dead(x.address, query.plain(x.query, "id"))})


async def migrate(x: Exchange) -> Answer:
    """POST .../migrate: store the state as today's model has it."""
    return Answer(200, await x.dispatch(_trigger(x, "migrate")))


async def reset(x: Exchange) -> Answer:
    """POST .../reset: a first state again."""
    return Answer(200, await x.dispatch(_trigger(x, "reset")))


async def destroy(x: Exchange) -> Answer:
    """DELETE .../{key}[?version=[&letters=][&jobs=]]: leaves a tombstone; a later call starts a fresh agent.

    With a version only if it is still the agent's, no more letters wait than were seen, and its live jobs are as they
    were: what is exported and then destroyed loses nothing that came between. A condition that is not understood must
    not be passed over.
    """
    for name in x.query:
        if name not in ("version", "letters", "jobs"):
            raise query.bad(name, "a destruction takes `version`, `letters` and `jobs`")
    if b"if-match" in x.given or b"if-unmodified-since" in x.given:
        raise Rejected(
            "agents have no entity tags: DELETE ...?version=N destroys one only as it was at version N",
            code="bad-condition", status=422,
        )  # fmt: skip
    if "version" not in x.query:
        for name in x.query:
            raise query.bad(name, "it goes with `version`")
        return Answer(200, await x.dispatch(_trigger(x, "destroy")))
    most = 2**53
    version, letters = query.number(x.query, "version", 0, 0, most), query.number(x.query, "letters", 0, 0, most)
    seen = Destroy(version, letters, _marks(x.query["jobs"]) if "jobs" in x.query else ())
    return Answer(200, await x.dispatch(Trigger("destroy", seen, source="admin", caller=x.caller, lane="urgent")))


def _marks(given: str) -> tuple[JobMark, ...]:
    """`id:claim:bell` of each live job, as its export says, with commas between them."""
    from roost.contract.job_mark import JobMark

    found: list[JobMark] = []
    for one in filter(None, given.split(",")):
        uid, *counts = one.split(":")
        if len(counts) != 2 or not all(x.isdecimal() and len(x) < 16 for x in counts):
            raise query.bad("jobs", "it is id:claim:bell of each live job of the export, with commas between")
        found.append(JobMark(uid, int(counts[0]), int(counts[1])))
    return tuple(found)
