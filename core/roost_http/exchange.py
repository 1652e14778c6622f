"""One request at one of the lesser routes. The call route does without: it is the hot path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roost.contract.address import Address
from roost.contract.trigger import Caller, Trigger
from roost.ports import Host

from . import body, query
from .answer import Answer, reply
from .asgi import Header, Receive, Scope, Send, read
from .body import LEVELS
from .site import Site

if TYPE_CHECKING:
    from .serves import Serves


class Exchange:
    """The request, taken apart as far as a route asks, and its one answer."""

    __slots__ = (
        "_query", "_send", "action", "address", "caller", "cors", "given", "head", "method", "receive", "runtime",
        "scope", "site",
    )  # fmt: skip

    def __init__(self, site: Site, scope: Scope, receive: Receive, send: Send, given: Mapping[bytes, bytes]) -> None:
        self.site = site
        self.runtime: Serves = site.runtime
        self.scope = scope
        self.receive = receive
        self._send = send
        self.method: str = scope["method"]
        self.head = self.method == "HEAD"
        self.given = given
        self.cors: Sequence[Header] = ()
        """Headers every answer carries."""
        self._query: dict[str, str] | None = None
        self.caller: Caller | None = None
        self.address = Address("", "")
        self.action = ""

    @property
    def host(self) -> Host:
        return self.runtime.host

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters; Rejected when they can't be read."""
        if self._query is None:
            self._query = query.parse(self.scope.get("query_string", b""))
        return self._query

    @property
    def authorization(self) -> bytes | None:
        return self.given.get(b"authorization")

    def header(self, name: bytes) -> str:
        return self.given.get(name, b"").decode("latin-1")

    async def admit(self, operation: str) -> None:
        """Find out who asks, and count it. RoostError: refused."""
        site = self.site
        self.caller = await site.caller(self.scope, self.address, self.authorization, operation)
        meter = site.meter
        if meter is not None:
            more, self.receive = await site.spend(
                meter, self.scope, self.receive, self.given, self.address, self.caller, operation
            )
            self.cors = (*self.cors, *more)

    async def body(self, limit: int, name: str = "http_body") -> bytes:
        """The whole body; LimitExceeded `name` beyond `limit` bytes."""
        return await read(self.receive, limit, self.given.get(b"content-length"), name)

    async def json(self, limit: int, name: str = "http_body", levels: int = LEVELS) -> Any:
        """The body's JSON value; {} when there is none. Rejected says what is wrong with it."""
        content_type = self.given.get(b"content-type")
        if content_type is not None:
            body.check_type(content_type, self.given)
        raw = await self.body(limit, name)
        return body.parse(raw, levels) if raw else {}

    async def dispatch(self, trigger: Trigger) -> bytes:
        """Run a trigger; the result's JSON. Raises its error."""
        return (await self.runtime.dispatch(self.address, trigger)).raw()

    async def reply(self, answer: Answer) -> None:
        """Send the answer, whole."""
        await reply(self._send, answer, self.cors, head=self.head)

    # An answer in pieces ------------------------------------------------------------------------------

    async def begin(self, status: int, headers: Sequence[Header]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self.cors]})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
