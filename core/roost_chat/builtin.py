"""Tools that Roost brings: mix them into a chat agent."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from roost.author.action import Retry, action
from roost.errors import Rejected

from .tools import run, tool

READ: Final = 256 * 1024
"""Bytes of a page that are read."""
SHOWN: Final = 20_000
"""Characters of it that the model is shown."""
TEXTUAL: Final = ("text/", "application/json", "application/xml", "application/xhtml")


class Fetched(BaseModel):
    """An answer from the web."""

    status: int
    type: str
    text: str
    cut: bool = False
    """There was more."""


class FetchTools:
    """The model may read the web, as far as `App(egress=...)` lets the app."""

    @tool(retry=Retry(attempts=2), timeout=30.0)
    async def http_fetch(self: Any, url: str) -> Fetched:
        """Read a page or a document by its URL (GET)."""
        if not url.startswith(("https://", "http://")):
            raise Rejected(f"{url[:200]!r} is no address of the web: it begins with https://", code="bad-url")
        async with self.http as http, http.stream("GET", url, follow_redirects=True) as answer:
            kind: str = answer.headers.get("content-type", "")
            if not kind.startswith(TEXTUAL):
                return Fetched(status=answer.status_code, type=kind, text="(no text)")
            data = b""
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > READ:
                    break
            text = data[:READ].decode(answer.charset_encoding or "utf-8", "replace")
        return Fetched(
            status=answer.status_code, type=kind, text=text[:SHOWN], cut=len(data) > READ or len(text) > SHOWN
        )


class NotifyTools:
    """The model may tell the user something beside the conversation: an entry `notice` of the event log."""

    @tool
    async def notify_user(self: Any, text: str) -> None:
        """Tell the user something important, also when they are away: that work is done, that something is needed."""
        await run().tick(self.chat_notify, text)

    @action(public=False)
    async def chat_notify(self: Any, text: str) -> None:
        """Into the log, which whoever follows it sees at once."""
        self.record("notice", {"text": text})
