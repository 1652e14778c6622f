"""The port `Wire` over API Gateway's @connections: text only, 128 KB a message, a close without a code.

A connection has no hole: behind a frame that can't be sent none is, and the connection is hung up. Its client comes
back and is shown the state; of a stream it would not know that chunks are missing, or that it has begun anew.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final
from weakref import WeakValueDictionary

from roost.contract.address import Address
from roost.contract.commit import Frame
from roost.protocol.frames import wrapped

from .aws import Aws, error_code

SERVICE: Final = "apigatewaymanagementapi"
HANG_UPS: Final = 3
"""Times that a connection is hung up, most."""
GREETING: Final = 5.0
"""Seconds within which a connection that $connect let in can be sent to."""
log = logging.getLogger("roost")


class Sockets:
    """One a process. `gone` is told of each connection that is no more."""

    def __init__(self, aws: Aws, gone: Callable[[str], Awaitable[None]]) -> None:
        self._aws = aws
        self._gone = gone
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        """See roost.ports.Wire."""
        queues: dict[str, list[bytes]] = {}
        for frame in frames:
            data = wrapped(frame.data) if frame.binary else frame.data
            for cid in frame.to:
                queues.setdefault(cid, []).append(data)
        found = await asyncio.gather(*(self.post(cid, queue) for cid, queue in queues.items()))
        return [cid for cid, there in zip(queues, found, strict=True) if not there]

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        """The code can't be chosen: API Gateway closes with its own."""
        async with self._lock(cid):
            await self._hang_up(cid)

    async def _hang_up(self, cid: str) -> bool:
        """Whether the connection is gone."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        for _ in range(HANG_UPS):
            try:
                await self._aws.call(SERVICE, "delete_connection", ConnectionId=cid)
                return True
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and error_code(error) == "GoneException":
                    return True
                log.warning("%s was not closed: %s", cid, error)
        return False

    def open(self, address: Address) -> Mapping[str, int] | None:
        """Only by asking for each: not known."""
        return None

    async def post(self, cid: str, queue: Sequence[bytes], *, greeting: bool = False) -> bool:
        """Send in order; False when the connection is gone, or was hung up. `greeting`: it may not be there yet."""
        from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs] (it has none)

        edge = asyncio.get_running_loop().time() + (GREETING if greeting else 0.0)
        async with self._lock(cid):
            for data in queue:
                pause = 0.02
                while True:
                    try:
                        await self._aws.call(SERVICE, "post_to_connection", ConnectionId=cid, Data=data)
                    except (ClientError, BotoCoreError) as error:
                        code = error_code(error) if isinstance(error, ClientError) else ""
                        if code == "GoneException" and asyncio.get_running_loop().time() < edge:
                            await asyncio.sleep(pause)  # nothing can be sent inside $connect
                            pause = min(0.5, pause * 1.5)
                            continue
                        if code != "GoneException":
                            log.error("a frame of %d bytes to %s was not sent: %s", len(data), cid, error)
                            if not await self._hang_up(cid):
                                return True  # its agent must not forget a connection that is there
                        await self._gone(cid)
                        return False
                    break
        return True

    def _lock(self, cid: str) -> asyncio.Lock:
        found = self._locks.get(cid)
        if found is None:
            found = self._locks[cid] = asyncio.Lock()
        return found
