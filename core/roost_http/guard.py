"""The last look before a connection: the address that a name has just now, which may not be the one it had before.

The address that was judged is the one that is connected to; a name is not resolved twice.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Iterable
from math import inf

import httpcore
import httpx

from roost.contract.egress import Egress, plain
from roost.contract.errors import AgentError


class Guard(httpcore.AsyncNetworkBackend):
    """Connects where `egress` allows it."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, egress: Egress) -> None:
        self._inner = inner
        self._egress = egress

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        timeout = None if timeout == inf else timeout
        edge = None if timeout is None else time.monotonic() + timeout
        refusal: AgentError | None = None
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in await _resolved(host, port, timeout):
            try:
                self._egress.check_address(plain(host), port, ipaddress.ip_address(address.partition("%")[0]))
            except AgentError as error:
                refusal = error
                continue
            left = None if edge is None else max(0.001, edge - time.monotonic())
            try:
                return await self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or refusal or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._inner.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _resolved(host: str, port: int, timeout: float | None) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def guard(transport: httpx.AsyncHTTPTransport, egress: Egress) -> None:
    """Have the connections of a transport judged. httpx has no door for it: the pool takes what makes its connections,
    but httpx makes the pool itself."""
    pool = transport._pool  # pyright: ignore[reportPrivateUsage]
    assert isinstance(pool, httpcore.AsyncConnectionPool)
    inner = pool._network_backend  # pyright: ignore[reportPrivateUsage]
    pool._network_backend = Guard(inner, egress)  # pyright: ignore[reportPrivateUsage]
