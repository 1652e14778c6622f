"""The server's start and end, passed on to the app mounted as `App(web=...)`.

An app that knows no lifespan raises or returns before it said anything: that is allowed, and answered for it.
One that fails in it has its failure reported, or the server would start without it.
Source: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import logging

from .asgi import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("roost")


class Lifespan:
    """Watches what a mounted app says while the server talks to it."""

    __slots__ = ("_receive", "_send", "answered", "asked")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.asked = ""
        """What the server waits for: startup, shutdown or nothing yet."""
        self.answered = ""
        """What the app has answered to."""

    async def receive(self) -> Message:
        message = await self._receive()
        self.asked = message["type"].rpartition(".")[2]
        return message

    async def send(self, message: Message) -> None:
        self.answered = message["type"].split(".")[1]
        await self._send(message)

    async def run(self, web: ASGIApp | None, scope: Scope) -> None:
        """Until the server has shut down."""
        if web is not None:
            try:
                await web(scope, self.receive, self.send)
            except Exception as error:
                if self.answered == "startup" and self.asked == "startup":
                    raise  # it broke while running; the server logs it
                if self.asked and self.answered != self.asked:
                    log.error("App(web=...) failed at %s", self.asked, exc_info=error)
                    text = f"App(web=...): {type(error).__name__}: {error}"
                    await self._send({"type": f"lifespan.{self.asked}.failed", "message": text})
                    raise
                if self.asked:
                    raise  # it said itself that it failed
        while self.answered != "shutdown":
            if self.asked == self.answered:
                await self.receive()
            self.answered = self.asked
            await self._send({"type": f"lifespan.{self.asked}.complete"})


async def lifespan(web: ASGIApp | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one lifespan scope."""
    await Lifespan(receive, send).run(web, scope)
