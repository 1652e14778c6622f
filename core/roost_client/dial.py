"""Opening a WebSocket to an agent: its URL, the handshake, and what a refused handshake means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from roost.contract.address import Address

from .faults import from_status, unreachable
from .wire import agent_path, is_loopback

Dial = Callable[[], Awaitable[ClientConnection]]

FRAME_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one frame from the server, most. Far above the portable limits."""
CLOSING: Final = 2.0
"""Seconds the server has to answer our closing."""


def socket_url(
    base: str, address: Address, *, base_path: str | None, label: str, query: Mapping[str, str] | None
) -> str:
    """The WebSocket URL of an agent at the HTTP or WebSocket URL `base`.

    With `base_path` (one URL for all agents, as API Gateway has it) the agent is named in the query.
    """
    scheme, host, path, _, _ = urlsplit(base)
    pairs = {"_pk": label, **(query or {})}
    if base_path is not None:
        path = f"{path.rstrip('/')}/{base_path.strip('/')}"
        pairs = {"agent": address.kind, "name": address.key, **pairs}
    else:
        path = f"{path.rstrip('/')}/agents/{agent_path(address)}"
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return urlunsplit((scheme, host, path, urlencode(pairs, quote_via=quote), ""))


def dialer(url: str, headers: Mapping[str, str], timeout: float | None) -> Dial:
    """A function that opens a socket at `url`. It raises RoostErrors only; `timeout` in seconds.

    The library's own pings are off: it can't see a pong while reading is paused for a slow consumer, and
    would close a healthy socket. `link.py` pings.
    """

    async def dial() -> ClientConnection:
        try:
            return await connect(
                url,
                additional_headers=headers,
                open_timeout=timeout,
                ping_interval=None,
                close_timeout=CLOSING,
                max_size=FRAME_LIMIT,
                proxy=None if is_loopback(urlsplit(url).hostname or "") else True,
            )
        except InvalidStatus as error:
            answer = error.response
            found = {name.lower(): value for name, value in answer.headers.raw_items()}
            raise from_status(answer.status_code, found, bytes(answer.body or b"")) from error
        except (OSError, InvalidHandshake, TimeoutError, EOFError) as error:
            text = str(error) or type(error).__name__
            raise unreachable(f"no WebSocket at {url.partition('?')[0]}: {text}") from error

    return dial
