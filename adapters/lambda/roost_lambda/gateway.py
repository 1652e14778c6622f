"""WebSockets: what a handshake, a frame and an end come to, each in an invocation of its own.

Who is greeted is bound to its agent by a row; a frame that comes before its connection is greeted and `on_connect`
has run waits for that (rule 24).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from pydantic_core import from_json, to_json

from roost.author.app import Credentials
from roost.contract.address import Address
from roost.contract.caller import document, from_document
from roost.contract.doubled import check_authorization
from roost.contract.errors import NotFound, RoostError
from roost.contract.hosts import Hosts, check_origin
from roost.contract.operators import Operators
from roost.contract.trigger import Caller, Disconnect, Trigger
from roost.protocol import frames
from roost.protocol.incoming import number
from roost.protocol.numbering import FRAME_GAP, frame_gap
from roost.sockets.admission import by_query, check_transport, refuse_doubled
from roost.sockets.greeting import connected
from roost.sockets.line import refuse
from roost.sockets.metered import knock, known, nameless

from .backend import LambdaBackend
from .entrance import passed, viewer
from .events import Closed, Framed, Opened, Resumed, resume
from .frame_lanes import FrameGap, Lanes
from .line import InvocationSession, MeteredInvocation, Outgoing
from .sockets import Sockets

REFUSED: Final = 60.0
"""Seconds for which a refused connection is remembered: those of its frames that came behind it."""
GREETED: Final = 8.0
"""Seconds after its handshake in which a connection is bound to its agent, or refused."""
LIFE: Final = 7500.0
"""Seconds after which a connection's row may go: API Gateway ends every connection after 7200."""
Again: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""Has this function invoked with an event, later."""
log = logging.getLogger("roost")


class ApiGateway:
    """The socket side of one process."""

    def __init__(
        self,
        backend: LambdaBackend,
        sockets: Sockets,
        lanes: Lanes,
        again: Again,
        operators: Operators,
        origin_secret: str | None = None,
    ) -> None:
        self._backend = backend
        self._sockets = sockets
        self._lanes = lanes
        self._again = again
        self._operators = operators
        self._origin_secret = origin_secret
        self._hosts = Hosts(backend.runtime.app.hosts, loopback=False)

    async def handle(self, event: Opened | Framed | Resumed | Closed, end: float) -> None:
        """`end`: by which monotonic second the invocation must be done."""
        if isinstance(event, Opened):
            await self.greet(event, end)
        elif isinstance(event, (Framed, Resumed)):
            await self.frame(event, end)
        else:
            await self.close(event, end)

    # The greeting ------------------------------------------------------------------------------------

    async def greet(self, opened: Opened, end: float) -> None:
        """Admit and greet, or refuse in a way that ends the client's retries (rule 26)."""
        if self._origin_secret is not None:  # who does not have it is refused below
            opened = replace(opened, client=viewer(opened.headers, opened.client))
        backend = self._backend
        line, where = Outgoing(self._sockets, Address("", ""), opened.cid), Address("-", "-")
        try:
            address, caller = await self._admit(opened)
            label = opened.query.get("_pk", opened.cid)[:255]
            data: dict[str, Any] = {"label": label, "ready": False}
            where = address
            if caller is not None:
                data["caller"] = document(caller)
            elif backend.runtime.meter is not None:
                data["client"] = opened.client
            await backend.bind(opened.cid, address, self._now + LIFE, to_json(data))
            greeting, seen = await backend.greeting(address, opened.cid)
            for frame in greeting:
                line.send_text_bytes(frame)
            if not await line.flush(greeting=True):
                return
            if greeting:  # else the agent knows it since a run that died: another connect could come after its end
                counted = None if backend.runtime.meter is None else nameless(caller, opened.client)
                trigger = connected(opened.cid, label, self._now, opened.query, seen, caller, counted, end)
                result = await backend.dispatch(address, trigger)
                if result.error is not None:
                    raise result.error
            data["ready"] = True
            await backend.bind(opened.cid, address, self._now + LIFE, to_json(data))
        except RoostError as error:
            with suppress(RoostError):  # its frames, each in an invocation of its own, wait for nothing
                await backend.bind(opened.cid, where, self._now + REFUSED, to_json({"ready": False, "refused": True}))
            refuse(line, error)
            await line.flush(greeting=True)

    async def _admit(self, opened: Opened) -> tuple[Address, Caller | None]:
        runtime, query = self._backend.runtime, opened.query
        headers = passed(opened.headers, self._origin_secret)
        self._hosts.check(headers.get("host"))
        refuse_doubled(opened.doubled)
        check_authorization(headers.get("authorization"))
        address = by_query(runtime.app, query)
        check_transport(query)
        check_origin(runtime.app.origins, headers)
        credentials = Credentials(headers, query, address, True, opened.client, "connect", "GET")
        caller = await known(runtime, credentials, self._operators, opened.cid)
        if runtime.meter is not None:
            await knock(runtime, runtime.meter, address, caller, opened.client)
        return address, caller

    # Frames ------------------------------------------------------------------------------------------

    async def frame(self, framed: Framed | Resumed, end: float) -> None:
        """One frame, in its order if it is numbered; or those that wait for theirs."""
        found = await self._ready(framed.cid, end, framed.opened if isinstance(framed, Framed) else 0.0)
        if found is None:
            line = Outgoing(self._sockets, Address("", ""), framed.cid)
            refuse(line, NotFound("this connection is not known any more; connect again", code="no-connection"))
            await line.flush()
            return
        address, data = found
        if data.get("refused"):  # the greeting has said why, and closes it
            return
        line = Outgoing(self._sockets, address, framed.cid)
        caller = from_document(data.get("caller") or (data if "principal" in data else None))  # the older form is flat
        runtime = self._backend.runtime
        if runtime.meter is None:
            session = InvocationSession(self._backend, runtime, address, framed.cid, data["label"], caller, line, end)
        else:
            session = MeteredInvocation(self._backend, runtime, address, framed.cid, data["label"], caller, line, end)
            session.count(runtime, runtime.meter, data.get("client", ""))
        seq = number(framed.text) if isinstance(framed, Framed) else None
        if seq is None and isinstance(framed, Framed):
            session.text(framed.text)
            await session.finish()
            return
        token = f"{self._backend.runtime.host.entropy():016x}"

        async def run(texts: list[str]) -> None:
            for text in texts:
                session.text(text)
            await session.finish()

        try:
            if isinstance(framed, Resumed):
                done = await self._lanes.resume(framed.cid, token, run, end)
            else:
                assert seq is not None
                done = await self._lanes.take(framed.cid, seq, framed.text, token, run, end)
            if not done:
                await self._again(resume(framed.cid))
        except FrameGap as gap:
            line.send_text_bytes(frames.bad_frame(frame_gap(gap.seq, crowded=gap.crowded)))
            line.close(FRAME_GAP, "frame-gap")
            await line.flush()

    async def _ready(self, cid: str, end: float, opened: float) -> tuple[Address, dict[str, Any]] | None:
        """Whose connection it is, once `on_connect` has run or refused it; None: nobody's."""
        pause = 0.01
        clock = self._backend.runtime.host.monotonic
        # A connection that is not known yet is so for its first seconds only: its greeting is under way.
        unknown = clock() + GREETED - (min(GREETED, max(0.0, self._now - opened)) if opened else 0.0)
        while True:
            found = await self._backend.bound(cid)
            if found is not None:
                data = cast("dict[str, Any]", from_json(found[1]))
                if data["ready"] or data.get("refused"):
                    return found[0], data
            if clock() > (unknown if found is None else end):
                return None
            await asyncio.sleep(pause)
            pause = min(0.2, pause * 1.5)

    # The end -----------------------------------------------------------------------------------------

    async def close(self, closed: Closed, end: float) -> None:
        """The client or API Gateway has hung up."""
        found = await self._backend.bound(closed.cid)
        if found is None:
            return
        if found[0].kind == "-":  # refused before it was known whom it was for
            await self._backend.unbind(closed.cid)
            return
        payload = Disconnect(closed.cid, closed.code, closed.reason)
        result = await self._backend.dispatch(found[0], Trigger("disconnect", payload, source="admin", deadline=end))
        if result.error is not None:
            log.warning("%s: the end of %s: %s", found[0], closed.cid, result.error.message)
        await self._backend.unbind(closed.cid)

    @property
    def _now(self) -> float:
        return self._backend.runtime.host.now()
