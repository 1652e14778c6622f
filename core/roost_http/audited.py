"""What operators do: who may, and what is written down of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roost.contract.errors import Rejected, RoostError
from roost.contract.operators import may_change, reads_only
from roost.system.audit import LOG, note

from . import path, query
from .exchange import Exchange
from .site import remote

if TYPE_CHECKING:
    from .answer import Answer
    from .routes import Route


async def operated(x: Exchange, route: Route, parts: list[bytes]) -> Answer | None:
    """Run a route of the operator. What is done stands in the audit log before it is done; RoostError: refused, or the
    log could not be written, and so nothing was done. `parts`: of the path."""
    try:
        x.caller = x.site.operator(x.authorization)
        if x.method not in ("GET", "HEAD") and not may_change(x.caller):
            raise reads_only(x.caller)
    except Rejected as error:
        await _refused(x, _entry(x, route, parts), error)
        raise
    if len(parts) == 3:
        x.address = LOG
    else:
        x.address = path.address(x.site.app, parts[3], parts[4])
    if route.quiet:
        return await route.handler(x)
    entry = {"id": f"{x.host.entropy():016x}", **_entry(x, route, parts)}
    await note(x.runtime, "asked", entry)
    status = 500
    try:
        answer = await route.handler(x)
        status = 200 if answer is None else answer.status
        return answer
    except RoostError as error:
        status = error.status
        raise
    finally:
        await _after(x, "done", {**entry, "status": status})


def _entry(x: Exchange, route: Route, parts: list[bytes]) -> dict[str, Any]:
    """What is told of a request: nothing of its body."""
    kind, key = (_shown(part) for part in parts[3:5]) if len(parts) > 4 else ("", "")
    what = route.what
    if what == "import" and query.loose(x.scope.get("query_string", b"")).get("unsigned") == "true":
        what = "import-unsigned"
    return {
        "who": None if x.caller is None else x.caller.principal, "what": what, "kind": kind, "key": key,
        "client": remote(x.scope) or None,
    }  # fmt: skip


def _shown(part: bytes) -> str:
    return path.segment(part[:2000])[:512].encode(errors="replace").decode()


async def _refused(x: Exchange, entry: dict[str, Any], error: Rejected) -> None:
    if error.code == "no-admin-token":  # nobody can be an operator here
        return
    untold = x.site.app.refusals.next(x.host.monotonic())
    if untold is not None:
        more = {"untold": untold} if untold else {}
        await _after(x, "refused", {**entry, "status": error.status, "code": error.code, **more})


async def _after(x: Exchange, kind: str, entry: dict[str, Any]) -> None:
    """What has happened is told as well as it can be."""
    try:
        await note(x.runtime, kind, entry)
    except RoostError as error:
        x.runtime.log.error("the audit log could not be written: %s: %r", error.message, entry)
