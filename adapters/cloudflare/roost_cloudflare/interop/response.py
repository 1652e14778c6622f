"""HTTP: what goes out."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache

import js  # type: ignore[import-not-found]
from pyodide.ffi import JsException, to_js  # type: ignore[import-not-found]

from .door import Js


@cache
def _made() -> Js:
    return js.Response.new


@lru_cache(64)
def _head(status: int, headers: tuple[tuple[str, str], ...]) -> Js:
    """Status and headers as JavaScript takes them: few differ, and each costs a dozen crossings to make."""
    return to_js({"status": status, "headers": headers}, dict_converter=js.Object.fromEntries)


def response(status: int, headers: Sequence[tuple[str, str]], body: bytes | None) -> Js:
    """A whole answer. Its length the platform knows."""
    content = None if body is None else _text_or_bytes(body)
    if content is not None:
        headers = [pair for pair in headers if pair[0] != "content-length"]
    return _made()(content, _head(status, tuple(headers)))


def _text_or_bytes(body: bytes) -> Js:
    try:
        return body.decode()  # a string crosses faster than a buffer
    except UnicodeDecodeError:
        return to_js(body)


class Stream:
    """An answer that is sent as it is made."""

    __slots__ = ("_writer", "open", "response")

    def __init__(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        pipe = js.TransformStream.new()
        self._writer = pipe.writable.getWriter()
        self.open = True
        self.response = js.Response.new(pipe.readable, status=status, headers=to_js(headers))

    async def write(self, data: bytes) -> None:
        """OSError: the reader left."""
        if not self.open:
            raise OSError("the reader left")
        try:
            await self._writer.write(to_js(data))
        except JsException as error:
            raise OSError(str(error)) from None

    async def close(self) -> None:
        if not self.open:
            return
        self.open = False
        try:
            await self._writer.close()
        except JsException as error:
            raise OSError(str(error)) from None

    async def left(self, gone: Js) -> None:
        """Returns when nobody reads any more: the platform has aborted the request."""
        await gone
        self.open = False
        with suppress(JsException):
            self._writer.abort()  # a write that waits for a reader ends
