"""The door to JavaScript: the one file that imports `js`, `pyodide` and `workers`.

Strings, numbers and bytes cross it, never deep objects. A crossing costs 20 to 60 microseconds here, so what a
tick does is counted in them: `Sql` keeps the counts.
"""

# JavaScript's objects have no Python types: what is unknown here stays in this file, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import js  # type: ignore[import-not-found]  # exists in Pyodide only
from pyodide.ffi import JsException, create_once_callable, create_proxy, jsnull, to_js  # type: ignore[import-not-found]
from workers import DurableObject as DurableObject  # type: ignore[import-not-found]
from workers import WorkerEntrypoint as WorkerEntrypoint

from roost.errors import LimitExceeded, RoostError, TransientError

Js = Any
"""Something of JavaScript's."""


def raw(wrapped: Js) -> Js:
    """What the SDK wrapped: its wrappers convert deeply at every call."""
    for name in ("_ctx", "_env", "_binding"):
        inner = getattr(wrapped, name, None)
        if inner is not None:
            return inner
    return wrapped


class Sql:
    """`ctx.storage.sql`. Text and numbers go in and out; bytes that are no UTF-8 as blobs."""

    __slots__ = ("_exec", "_storage", "statements", "written")

    def __init__(self, ctx: Js) -> None:
        self._storage = raw(ctx).storage
        self._exec = self._storage.sql.exec
        self.statements = 0
        self.written = 0
        """Rows written, as the platform counts and charges them."""

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement that returns nothing; the rows it wrote."""
        self.statements += 1
        try:
            count: int = self._exec(sql, *values).rowsWritten
        except JsException as error:
            raise _fault(error) from None
        self.written += count
        return count

    def rows(self, sql: str, *values: Any) -> list[list[Any]]:
        """Execute a query; all its rows."""
        self.statements += 1
        try:
            return _plain(self._exec(sql, *values).raw().toArray().to_py())
        except JsException as error:
            raise _fault(error) from None

    def changed(self, sql: str, *values: Any) -> list[list[Any]]:
        """Like `rows`, of a statement that writes (RETURNING)."""
        self.statements += 1
        try:
            cursor = self._exec(sql, *values)
            found = _plain(cursor.raw().toArray().to_py())
            self.written += cursor.rowsWritten
        except JsException as error:
            raise _fault(error) from None
        return found

    def atomic(self, work: Callable[[], None]) -> None:
        """Run `work` in one transaction; whatever it raises rolls it back."""
        raised: list[BaseException] = []

        def inside() -> None:
            try:
                work()
            except BaseException as error:
                raised.append(error)
                raise

        try:
            self._storage.transactionSync(create_once_callable(inside))
        except BaseException as error:
            if raised:
                raise raised[0] from None
            raise _fault(error) from None

    def size(self) -> int:
        """Bytes of the object's database."""
        return int(self._storage.sql.databaseSize)


def _plain(found: list[list[Any]]) -> list[list[Any]]:
    return [[None if value is jsnull else value for value in row] for row in found]


def blob(data: bytes) -> Js:
    """Bytes as a parameter."""
    return to_js(data)


def _fault(error: BaseException) -> RoostError:
    text = str(error)
    if "TOOBIG" in text or "too big" in text:
        return LimitExceeded(f"the platform's storage refuses it: {text}", limit="commit_bytes")
    return TransientError(f"the object's storage failed: {text}", code="store-failed")


# Timers, alarms, randomness ------------------------------------------------------------------------------


class Timeout:
    """A timer that can be taken back: one that is only forgotten would keep its object from hibernating."""

    __slots__ = ("_id",)

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._id: Any = None

        def fire() -> None:
            self._id = None
            call()

        self._id = js.setTimeout(create_once_callable(fire), min(max(0.0, seconds) * 1000, 2**31 - 1))

    def cancel(self) -> None:
        if self._id is not None:
            js.clearTimeout(self._id)
            self._id = None


async def pause(seconds: float) -> None:
    """Sleep, on a timer that ends with the sleeper."""
    future = asyncio.get_running_loop().create_future()

    def over() -> None:
        if not future.done():
            future.set_result(None)

    timer = Timeout(seconds, over)
    try:
        await future
    finally:
        timer.cancel()


class _Soon:
    """`call_soon` by microtasks. Pyodide's loop makes a timer of each callback, and every await of a task that
    is not done costs one: a call is ten of them. A microtask runs at the end of the very event that asked for it,
    so it is in the same object, as the platform wants it.
    """

    __slots__ = ("_loop", "_ready", "_run")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._ready: deque[asyncio.Handle] = deque()
        self._run = create_proxy(self._next)

    def __call__(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._loop, context=context)
        self._ready.append(handle)
        js.queueMicrotask(self._run)  # one each: one that is lost with its event then stops no other's
        return handle

    def _next(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()


def quicken() -> None:
    """Give the running loop a cheap `call_soon`, once a process."""
    loop: Any = asyncio.get_event_loop()
    if not isinstance(loop.call_soon, _Soon):
        loop.call_soon = _Soon(loop)


async def set_alarm(ctx: Js, at: float | None) -> None:
    """Wake the object at `at` (epoch seconds); None: not at all."""
    storage = raw(ctx).storage
    await (storage.deleteAlarm() if at is None else storage.setAlarm(_ms(at)))


async def get_alarm(ctx: Js) -> float | None:
    """When the object is to be woken, if at all."""
    at = await raw(ctx).storage.getAlarm()
    return at / 1000 if isinstance(at, (int, float)) else None


def _ms(at: float) -> int:
    return -int(-at * 1000 // 1)


def wait_until(ctx: Js, work: Coroutine[Any, Any, None]) -> None:
    """Tell the platform that the object is at work until `work` ends."""
    task = asyncio.ensure_future(work)
    proxy = create_proxy(task)
    raw(ctx).waitUntil(proxy)
    task.add_done_callback(lambda _: proxy.destroy())


def name_of(ctx: Js) -> str | None:
    """The name the object's id was made from, where the platform tells."""
    name = getattr(raw(ctx).id, "name", None)
    return name if isinstance(name, str) else None


def variables(env: Js) -> dict[str, str]:
    """The text bindings of the Worker."""
    source = raw(env)
    found: dict[str, str] = {}
    for name in js.Object.keys(source):
        value = getattr(source, name)
        if isinstance(value, str):
            found[name] = value
    return found


# Other objects -------------------------------------------------------------------------------------------


class Namespace:
    """A binding of objects of one class."""

    __slots__ = ("_binding",)

    def __init__(self, env: Js, name: str) -> None:
        self._binding = getattr(raw(env), name)

    def stub(self, name: str) -> Js:
        return self._binding.get(self._binding.idFromName(name))

    async def ask(self, name: str, text: str) -> str:
        """The RPC method `roost` of the object `name`. TransientError: it is not known whether it ran."""
        try:
            answer: str = await self.stub(name).roost(text)
        except JsException as error:
            raise TransientError(f"the object {name} could not be reached: {error}", code="unreachable") from None
        return answer

    async def forward(self, name: str, request: Js) -> Js:
        """The object's answer to an HTTP request."""
        return await self.stub(name).fetch(raw_request(request))


def raw_request(request: Js) -> Js:
    return getattr(request, "js_object", request)


# HTTP ----------------------------------------------------------------------------------------------------


def head_of(request: Js) -> tuple[str, str, list[list[str]]]:
    """Method, URL, headers."""
    inner = raw_request(request)
    headers: list[list[str]] = js.Array.from_(inner.headers).to_py()
    return inner.method, inner.url, headers


def url_of(request: Js) -> str:
    url: str = raw_request(request).url
    return url


def is_upgrade(headers: Sequence[Sequence[str]]) -> bool:
    return any(k == "upgrade" and v.lower() == "websocket" for k, v in headers)


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


def response(status: int, headers: Sequence[tuple[str, str]], body: bytes | None) -> Js:
    """A whole answer."""
    content = None if body is None else _text_or_bytes(body)
    return js.Response.new(content, status=status, headers=to_js(headers))


def _text_or_bytes(body: bytes) -> Js:
    try:
        return body.decode()  # a string crosses faster than a buffer
    except UnicodeDecodeError:
        return to_js(body)


def aborted(request: Js) -> Js:
    """A promise that the client has left; to be made before the answer is returned, or it never comes true."""

    def start(resolve: Js, reject: Js) -> None:
        signal = raw_request(request).signal
        if signal.aborted:
            resolve(None)
        else:
            signal.addEventListener("abort", resolve)

    return js.Promise.new(create_once_callable(start))


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


# WebSockets ----------------------------------------------------------------------------------------------


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


# Fetch ---------------------------------------------------------------------------------------------------


class Outbound:
    """One outbound request."""

    __slots__ = ("_control",)

    def __init__(self) -> None:
        self._control = js.AbortController.new()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Js:
        """The platform's answer. OSError: no answer came."""
        options: dict[str, Any] = {
            "method": method, "headers": to_js(headers), "redirect": "manual", "signal": self._control.signal,
        }  # fmt: skip
        if body:
            options["body"] = to_js(body)
        try:
            return await js.fetch(url, **options)
        except JsException as error:
            raise OSError(str(error)) from None

    def abort(self) -> None:
        self._control.abort()


def answer_head(answer: Js) -> tuple[int, list[list[str]], bool]:
    """Status, headers, whether there is a body."""
    return answer.status, js.Array.from_(answer.headers).to_py(), bool(answer.body)
