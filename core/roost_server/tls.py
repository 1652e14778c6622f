"""TLS in front of the server's protocols: a certificate that can be renewed, and handshakes that are bounded.

asyncio would make a protocol only when a handshake is over; until then a connection is in nobody's count. Here it is
counted from its first moment, as `Intake` counts all others, and has as long for its handshake as a head has.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio.sslproto import SSLProtocol
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from roost.contract.errors import Rejected

from .intake import Intake

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

log = logging.getLogger("roost.server")
SHUTDOWN = 2.0
"""Seconds in which a peer may take leave of TLS."""


class Certificate:
    """A chain and its key, in PEM files. Rejected: they can't be used."""

    def __init__(self, chain: Path, key: Path) -> None:
        self.chain = chain
        self.key = key
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.chain, self.key, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise Rejected(
                f"the certificate {self.chain} and the key {self.key} can't be used: {error}\n"
                "  both are PEM files, the key without a password", code="bad-certificate",
            ) from error  # fmt: skip
        return context

    def renew(self) -> None:
        """Read the files again, for the handshakes from now on. What can't be used changes nothing, and is logged."""
        try:
            self.context = self._read()
        except Rejected as error:
            log.error("the certificate was not renewed: %s", error.message)
        else:
            log.info("the certificate was read again from %s", self.chain)


def _no_password() -> str:
    raise ValueError("the key has a password")


def secured(inner: type[Intake], certificate: Certificate) -> type[asyncio.Protocol]:
    """A class for `uvicorn.Config(http=...)` that shakes hands first."""

    class Secured(Secure):
        pass

    Secured.inner, Secured.certificate, Secured.open = inner, certificate, set()
    return cast("type[asyncio.Protocol]", Secured)


class Secure(SSLProtocol):
    """An encrypted connection, from its first byte. Subclassed by `secured`.

    It is the loop's own protocol, made by us: `create_server(ssl=...)` would have it where nobody counts it, and with
    `start_tls` uvloop may read the first bytes before it.
    """

    max_size = 32 * 1024
    """Bytes of its buffer, which it has from the first moment: the loop's own has 256 KiB for each connection."""
    inner: ClassVar[type[Intake]]
    certificate: ClassVar[Certificate]
    open: ClassVar[set[Secure]]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        loop = _loop or asyncio.get_running_loop()
        self._intake = self.inner(config, server_state, app_state, loop)
        super().__init__(
            cast("Any", loop), self._intake, self.certificate.context, cast("Any", None), True,
            ssl_handshake_timeout=cast("Any", self.inner.terms.head_timeout),
            ssl_shutdown_timeout=cast("Any", SHUTDOWN),
        )  # fmt: skip

    def connection_made(self, transport: Any) -> None:
        if self._intake.room(len(self.open)):
            self.open.add(self)
            super().connection_made(transport)
        else:
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.open.discard(self)
        super().connection_lost(exc)
