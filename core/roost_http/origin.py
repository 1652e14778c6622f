"""Web origins: CORS for those that `App(origins=...)` allows, and nothing for the rest.

A browser shows a script no answer without the header; but it sends simple requests all the same, so what may
change something, `on_request` included, is refused to a foreign origin (as WebSockets are, see roost.contract.hosts).
Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from roost.author.app import App
from roost.contract.errors import Rejected
from roost.contract.hosts import check_origin

from .answer import Answer
from .asgi import Header

SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_TELLING: Final = (("origin", b"origin"), ("host", b"host"), ("sec-fetch-site", b"sec-fetch-site"))
_VARY: Final[Header] = (b"vary", b"origin")
_EXPOSE: Final[Header] = (b"access-control-expose-headers", b"*")
PREFLIGHT: Final[Sequence[Header]] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*, authorization"),  # the wildcard does not cover that one
    (b"access-control-max-age", b"86400"),
)


def allowed(app: App, origin: bytes | None) -> Sequence[Header]:
    """The CORS headers of an answer; none unless the origin is allowed."""
    if not app.origins:
        return ()
    if origin is not None and ("*" in app.origins or origin.decode("latin-1") in app.origins):
        return ((b"access-control-allow-origin", origin), _EXPOSE, _VARY)
    return (_VARY,)


def refuse_foreign(app: App, given: Mapping[bytes, bytes]) -> None:
    """Rejected 403 unless the request is of no page, or of one that is allowed or our own."""
    check_origin(app.origins, {name: given[raw].decode("latin-1") for name, raw in _TELLING if raw in given})


def refuse_embedded(app: App, given: Mapping[bytes, bytes]) -> None:
    """The same of what only reads, but for links that are followed: no page sees where its visitor goes then. As part
    of a foreign page an answer can't be read either, but whether it loads tells what exists."""
    if given.get(b"sec-fetch-mode") != b"navigate" or given.get(b"sec-fetch-dest") != b"document":
        refuse_foreign(app, given)


def preflight(app: App, headers: Mapping[bytes, bytes]) -> Answer | None:
    """The answer to a preflight; None when it is none, or the agent's to answer: no origins are configured."""
    origin = headers.get(b"origin")
    if not app.origins or origin is None or b"access-control-request-method" not in headers:
        return None
    found = allowed(app, origin)
    if len(found) == 1:
        raise _foreign(origin)
    return Answer(204, b"", [*PREFLIGHT])


def _foreign(origin: bytes) -> Rejected:
    shown = origin[:200].decode("latin-1")
    return Rejected(
        f"pages of the origin {shown} may not do this; add it to App(origins=[...])", code="bad-origin", status=403
    )
