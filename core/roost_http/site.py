"""What all routes share: the app, its runtime, and who may do what."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from roost.author.app import App, Credentials
from roost.contract.address import Address
from roost.contract.caller import OPERATOR
from roost.contract.errors import Rejected
from roost.contract.trigger import Caller
from roost.engine.runtime import Runtime
from roost.ports import Host
from roost.sockets.admission import authenticate

from . import query
from .asgi import Scope
from .door import Door
from .readers import Readers


class Site:
    """`runtime`: the one of this process, or what finds that of the request at hand."""

    __slots__ = ("_found", "_runtime", "admin_token", "app", "door", "readers")

    def __init__(
        self, app: App, runtime: Runtime | Callable[[], Runtime], admin_token: str | None, *, loopback: bool = False
    ) -> None:
        self.app = app
        self.door = Door(app.hosts, loopback=loopback)
        self.readers = Readers()
        self._found = runtime if isinstance(runtime, Runtime) else None
        self._runtime = runtime
        self.admin_token = admin_token or None

    @property
    def runtime(self) -> Runtime:
        if self._found is not None:
            return self._found
        assert not isinstance(self._runtime, Runtime)
        return self._runtime()

    @property
    def host(self) -> Host:
        return self.runtime.host

    async def caller(
        self, scope: Scope, address: Address, authorization: bytes | None, operation: str
    ) -> Caller | None:
        """Who asks, as the app's auth hook says; the admin's token passes too. RoostError: refused."""
        if self.app.auth is None and (authorization is None or self.admin_token is None):
            return None
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        client = scope.get("client")
        credentials = Credentials(
            headers, query.loose(scope.get("query_string", b"")), address, False, str(client[0]) if client else "",
            operation, scope["method"],
        )  # fmt: skip
        return await authenticate(self.runtime, credentials, self.admin_token)

    def admin(self, authorization: bytes | None) -> Caller:
        """The operator. Rejected: 403 as long as no token is configured, 401 for any other token."""
        if self.admin_token is None:
            raise Rejected(
                "this is for the operator, and none is configured: set ROOST_ADMIN_TOKEN", code="no-admin-token",
                status=403,
            )  # fmt: skip
        scheme, _, token = (authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self.admin_token.encode()):
            raise Rejected(
                "this is for the operator: send the admin token as `Authorization: Bearer ...`", code="unauthorized",
                status=401,
            )  # fmt: skip
        return OPERATOR
