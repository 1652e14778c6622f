"""WebSockets that outlive the memory of their object."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from contextlib import suppress

import js  # type: ignore[import-not-found]
from pyodide.ffi import JsException, to_js  # type: ignore[import-not-found]

from .door import Js, raw


def pair() -> tuple[Js, Js]:
    """(the client's end, ours)."""
    client, server = js.WebSocketPair.new().object_values()
    return client, server


def upgraded(client: Js) -> Js:
    """The answer that hands the client its end."""
    return js.Response.new(None, status=101, webSocket=client)


def hibernate(ctx: Js, socket: Js, cid: str) -> None:
    """Accept our end so that it outlives the object's memory; its attachment is the connection's id alone."""
    raw(ctx).acceptWebSocket(socket)
    socket.serializeAttachment(cid)


def cid_of(socket: Js) -> str:
    cid: str = socket.deserializeAttachment()
    return cid


def sockets(ctx: Js) -> list[Js]:
    """Every open socket of this object."""
    return list(raw(ctx).getWebSockets())


def send(socket: Js, data: str | bytes) -> bool:
    """Send a frame; False when the socket is gone."""
    try:
        socket.send(data if isinstance(data, str) else to_js(data))
    except JsException:
        return False
    return True


def close(socket: Js, code: int, reason: str) -> None:
    """Close a socket; one that is closed already stays so."""
    with suppress(JsException):
        socket.close(code, reason)
