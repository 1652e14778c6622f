"""HTTP: what comes in."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from functools import cache

import js  # type: ignore[import-not-found]
from pydantic_core import from_json
from pyodide.ffi import JsException, create_once_callable  # type: ignore[import-not-found]

from .door import Js


def raw_request(request: Js) -> Js:
    return getattr(request, "js_object", request)


@cache
def _natives() -> tuple[Js, Js]:
    """Looked up once: reading a function from `js` makes a new proxy each time."""
    return js.Array.from_, js.JSON.stringify


def head_of(request: Js) -> tuple[str, str, list[list[str]]]:
    """Method, URL, headers: those as one string, for a list of pairs crosses piece by piece."""
    inner = raw_request(request)
    listed, stringify = _natives()
    return inner.method, inner.url, from_json(stringify(listed(inner.headers)))


def url_of(request: Js) -> str:
    url: str = raw_request(request).url
    return url


async def body_of(request: Js) -> bytes:
    """The whole body. OSError: the client went away."""
    try:
        data: bytes = (await raw_request(request).arrayBuffer()).to_bytes()
    except JsException as error:
        raise OSError(str(error)) from None
    return data


class Chunks:
    """A body read piece by piece."""

    __slots__ = ("_reader",)

    def __init__(self, message: Js) -> None:
        body = raw_request(message).body
        self._reader = body.getReader() if body else None

    async def next(self) -> bytes | None:
        """The next piece, None at the end. OSError: the other side went away."""
        if self._reader is None:
            return None
        try:
            found = await self._reader.read()
            return None if found.done else found.value.to_bytes()
        except JsException as error:
            raise OSError(str(error)) from None


def aborted(request: Js) -> Js:
    """A promise that the client has left; to be made before the answer is returned, or it never comes true."""

    def start(resolve: Js, reject: Js) -> None:
        signal = raw_request(request).signal
        if signal.aborted:
            resolve(None)
        else:
            signal.addEventListener("abort", resolve)

    return js.Promise.new(create_once_callable(start))
