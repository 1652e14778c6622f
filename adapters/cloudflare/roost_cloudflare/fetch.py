"""The port `Fetch`: httpx over the platform's own fetch. It pools and resolves; nothing is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import httpx

from roost.contract.egress import Egress
from roost.fetch import Outbound
from roost_http.fetch import client

from . import interop

_NOT_SENT: Final = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
"""Headers that the platform makes itself."""
_NOT_GIVEN: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that no longer hold: it has decoded the body."""


class Body(httpx.AsyncByteStream):
    """An answer's body, as it comes. `patience`: seconds that a piece may take."""

    def __init__(self, answer: interop.Js, outbound: interop.Outbound, patience: float) -> None:
        self._chunks = interop.Chunks(answer)  # the platform gives a body one reader
        self._outbound = outbound
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            timer = interop.Timeout(self._patience, self._outbound.abort)
            try:
                data = await self._chunks.next()
            except OSError as error:
                if "abort" in str(error).lower():
                    raise httpx.ReadTimeout(f"nothing more came within {self._patience:.3g} s") from error
                raise httpx.ReadError(str(error)) from error
            finally:
                timer.cancel()
            if data is None:
                return
            yield data

    async def aclose(self) -> None:
        self._outbound.abort()


async def _sent(request: httpx.Request, left: float) -> httpx.Response:
    given = request.extensions.get("timeout", {})
    read, connect = (v if v is not None and v < left else left for v in (given.get("read"), given.get("connect")))
    seconds = min(read, connect)
    headers = [(k, v) for k, v in request.headers.multi_items() if k.lower() not in _NOT_SENT]
    body = await request.aread()
    outbound = interop.Outbound()
    timer = interop.Timeout(seconds, outbound.abort)
    try:
        answer = await outbound.send(request.method, str(request.url), headers, body)
    except OSError as error:
        if "abort" in str(error).lower():
            raise httpx.ReadTimeout(f"no answer within {seconds:.3g} s", request=request) from error
        raise httpx.ConnectError(str(error), request=request) from error
    except asyncio.CancelledError:
        outbound.abort()
        raise
    finally:
        timer.cancel()
    status, found, has_body = interop.answer_head(answer)
    headers = [(k, v) for k, v in found if k.lower() not in _NOT_GIVEN]
    return httpx.Response(status, headers=headers, stream=Body(answer, outbound, read) if has_body else None)


class PlatformFetch:
    """Fills the port `Fetch`. `egress` judges names and spellings: what a name leads to only the platform sees."""

    def __init__(self, egress: Egress) -> None:
        self._egress = None if egress.open else egress

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        return client(_sent, outbound, deadline, self._egress if outbound.judged else None)
