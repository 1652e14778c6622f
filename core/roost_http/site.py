"""What all routes share: the app, its runtime, and who may do what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from roost.author.app import App, Credentials
from roost.contract.address import Address
from roost.contract.errors import Rejected
from roost.contract.operators import Operators
from roost.contract.quotas import UNLIMITED
from roost.contract.trigger import Caller
from roost.engine.meter import Meter, who_is
from roost.ports import Host
from roost.sockets.metered import known

from . import query
from .asgi import Header, Message, Receive, Scope
from .door import Door
from .readers import Readers

if TYPE_CHECKING:
    from .serves import Serves

MAKING: Final = ("call:", "tell:", "request")
"""Operations that make the agent if there is none."""


def remote(scope: Scope) -> str:
    """The remote address; "" where the platform gives none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class Site:
    """`runtime`: the one of this process, or a function that finds that of the request at hand."""

    __slots__ = ("_find", "_found", "app", "door", "guarded", "operators", "readers")

    def __init__(
        self,
        app: App,
        runtime: Serves | Callable[[], Serves],
        operators: Operators,
        *,
        loopback: bool = False,
    ) -> None:
        self.app = app
        self.door = Door(app.hosts, loopback=loopback)
        self.readers = Readers()
        self._find = runtime if callable(runtime) else None
        self._found = None if callable(runtime) else runtime
        self.operators = operators
        self.guarded = app.auth is not None or app.quotas not in (None, UNLIMITED) or self._metered
        """Who calls matters, or how often."""

    @property
    def _metered(self) -> bool:
        return self._found is not None and self._found.meter is not None

    @property
    def meter(self) -> Meter | None:
        """Counts what callers use; None: nothing is counted."""
        return self.runtime.meter

    @property
    def runtime(self) -> Serves:
        if self._found is not None:
            return self._found
        assert self._find is not None
        return self._find()

    @property
    def host(self) -> Host:
        return self.runtime.host

    async def caller(
        self, scope: Scope, address: Address, authorization: bytes | None, operation: str
    ) -> Caller | None:
        """Who asks, as the app's auth hook says; the admin's token passes too. RoostError: refused."""
        if self.app.auth is None and (authorization is None or not self.operators):
            return None
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        client = remote(scope)
        credentials = Credentials(
            headers, query.loose(scope.get("query_string", b"")), address, False, client, operation, scope["method"]
        )
        return await known(self.runtime, credentials, self.operators)

    async def spend(
        self, meter: Meter, scope: Scope, receive: Receive, given: Mapping[bytes, bytes], address: Address,
        caller: Caller | None, operation: str,
    ) -> tuple[Sequence[Header], Receive]:  # fmt: skip
        """Use the caller's quotas: the headers that say what is left, and what to read the body from. LimitExceeded:
        too much was used."""
        who, tenants = who_is(caller, remote(scope)), self.app.tenants
        if who is None:
            return (), receive
        tenant = None if tenants is None else tenants.of(caller)
        length = given.get(b"content-length", b"")
        size = int(length) if len(length) < 20 and length.isdigit() else 0
        told = operation.startswith("tell:")
        key = 1 if b"idempotency-key" in given and (told or operation.startswith("call:")) else 0
        uses = (("tells" if told else "calls", 1), ("keys", key), ("bytes", size))
        shown = meter.spend(who, caller, uses, tenant)
        if operation.startswith(MAKING):
            await meter.birth(self.runtime, address, who, caller, tenant)
        fields = (
            (b"ratelimit-policy", meter.policies(caller, uses).encode()), (b"ratelimit", shown.encode()),
        ) if shown else ()  # fmt: skip
        if length or scope["method"] in ("GET", "HEAD"):
            return fields, receive

        async def counted() -> Message:  # its length was not said
            message = await receive()
            if size := len(message.get("body", b"")):
                meter.spend(who, caller, (("bytes", size),), tenant)
            return message

        return fields, counted

    def operator(self, authorization: bytes | None) -> Caller:
        """Which operator it is. Rejected: 403 as long as there is none, 401 for any other token."""
        if not self.operators:
            raise Rejected(
                "this is for the operator, and none is configured: set ROOST_ADMIN_TOKEN", code="no-admin-token",
                status=403,
            )  # fmt: skip
        scheme, _, token = (authorization or b"").partition(b" ")
        found = self.operators.who(token.strip()) if scheme.lower() == b"bearer" else None
        if found is None:
            raise Rejected(
                "this is for the operator: send the admin token as `Authorization: Bearer ...`", code="unauthorized",
                status=401,
            )  # fmt: skip
        return found
