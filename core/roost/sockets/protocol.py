"""One WebSocket's protocol, the same on every backend: greeting, frames in, order, refusals.

The wire hands text and bytes in; triggers go to the runtime; whatever goes out goes through the `Wire`
port. What is wrong with a frame is said in an error frame and changes nothing (docs/contract.md, rules
16, 24-27).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Final

from pydantic_core import to_json

from ..contract.address import Address
from ..contract.caller import expired, source_of
from ..contract.errors import NotFound, Rejected, RoostError, TransientError
from ..contract.result import TickResult, failed
from ..contract.trigger import Call, Caller, CallerSource, Disconnect, Message, Payload, SetState, Trigger
from ..engine.quarantine import quarantined
from ..engine.runtime import Runtime
from ..engine.waking import ready
from ..ports import Timer
from ..protocol import frames
from ..protocol.incoming import OURS, Refused, read
from ..protocol.numbering import FRAME_GAP, GAP_BYTES, GAP_SECONDS, frame_gap, too_much
from ..protocol.reorder import ReorderBuffer
from .greeting import connected, greeting
from .line import Line, refuse

BUSY: Final = 128
"""Frames of one connection under way at which reading pauses."""
LOOK: Final = 3600.0
"""Seconds, at most, until the clock is looked at again: it may be set meanwhile."""


class Session:
    """The server's end of one connection."""

    timed: ClassVar[bool] = True
    """A timer closes it when its caller expires. Where a timer would keep a sleeping agent in memory the next frame, in
    or out, finds it over."""

    __slots__ = (
        "_busy",
        "_clock",
        "_expires",
        "_gap",
        "_held",
        "_held_size",
        "_left",
        "_order",
        "_paused",
        "_refused",
        "_source",
        "address",
        "caller",
        "cid",
        "client",
        "label",
        "line",
        "query",
        "runtime",
        "spend",
    )
    spend: Callable[[Sequence[tuple[str, int]]], object]
    """Of a session that is counted: see metered.py. So is `client`, the network of a client without a name."""

    def __init__(
        self,
        runtime: Runtime,
        address: Address,
        cid: str,
        label: str,
        caller: Caller | None,
        query: Mapping[str, str],
        line: Line,
    ) -> None:
        self.runtime = runtime
        self.address = address
        self.cid = cid
        self.client: str | None = None
        self.label = label
        self.caller = caller
        self._source: CallerSource = source_of(caller)
        self._expires = None if caller is None else caller.expires
        self._clock: Timer | None = None
        self.query: Mapping[str, str] | None = query
        self.line = line
        self._busy = 0
        self._paused = False
        self._order = ReorderBuffer[dict[str, Any]]()
        self._gap: Timer | None = None
        self._held: list[str | bytes] | None = []
        """Frames that came before `on_connect` had run, in order; None: it has."""
        self._held_size = 0
        self._refused = False
        self._left: tuple[int, str] | None = None
        """How the socket ended, while `on_connect` had not run."""

    def resume(self) -> None:
        """Go on in the middle of a connection: its greeting is over, its count unknown, its frames come in order."""
        self.query = self._held = None
        self._order.next = 0

    async def open(self) -> None:
        """Greet from the committed snapshot, then queue `on_connect`: before any frame of this connection. RoostError:
        refused, and no frame of it will be heard."""
        try:
            await self._greet()
        except RoostError:
            self._drop()
            raise

    async def _greet(self) -> None:
        runtime, address = self.runtime, self.address
        cell = runtime.cell(address)
        if cell.image is None:
            await ready(cell)
        if cell.status == "quarantined":
            raise quarantined(cell)
        shown, seen = greeting(address, cell.kind, cell.view)
        for data in shown:
            self.line.send_text_bytes(data)
        query, self.query = self.query or {}, None
        self._watch()
        trigger = connected(self.cid, self.label, runtime.host.now(), query, seen, self.caller, self.client)
        runtime.post(address, trigger, self._connected)

    def _connected(self, result: TickResult) -> None:
        """`on_connect` is over: the frames that waited for it are heard now, or never."""
        held = self._held or ()
        if result.error is not None:
            refuse(self.line, result.error)
            self._drop()
        elif not self._refused:
            self._held = None
            for data in held:
                self.text(data) if isinstance(data, str) else self.binary(data)
            self._read_on()
        if self._left is not None:
            self._disconnect(*self._left)

    def _hold(self, data: str | bytes) -> None:
        """Keep a frame until `on_connect` has run (rule 24). A line that can't pause ends when it is too much."""
        held = self._held
        if held is None or self._refused:
            return
        held.append(data)
        self._held_size += len(data)
        if too_much(len(held), self._held_size):
            error = TransientError(
                "too many frames before this connection was admitted; connect again, and wait for an answer",
                code="crowded",
            )
            refuse(self.line, error)
            self._drop()
        elif not self._paused and (len(held) >= BUSY or self._held_size > GAP_BYTES // 2):
            self._paused = True
            self.line.pause()

    def _drop(self) -> None:
        """The connection is refused: none of its frames is heard, those that wait neither."""
        self._refused, self._held, self._held_size = True, [], 0
        self._order.clear()

    # The caller's time ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._expires is not None and self.timed:
            host = self.runtime.host
            self._clock = host.call_later(min(max(self._expires - host.now(), 0.0), LOOK), self._over)

    def _over(self) -> None:
        if not self._lapsed():
            self._watch()

    def _lapsed(self) -> bool:
        """Whether the caller's time is over; then so is the connection."""
        if self._expires is None or self.runtime.host.now() < self._expires:
            return False
        if not self._refused:
            refuse(self.line, expired())
            self._drop()
        return True

    # Frames in ---------------------------------------------------------------------------------------

    def text(self, data: str) -> None:
        """A text frame."""
        if self._expires is not None and self._lapsed():
            return
        if self._held is not None:
            self._hold(data)
            return
        try:
            frame = read(data)
        except RoostError as error:
            self.line.send_text_bytes(frames.bad_frame(error))
            return
        if frame is None:
            self._message(data)
        elif "seq" in frame and frame.get("type") in OURS:
            self._numbered(frame, len(data))
        else:
            self._frame(frame, data)

    def binary(self, data: bytes) -> None:
        """A binary frame: always the author's."""
        if self._expires is not None and self._lapsed():
            return
        if self._held is not None:
            self._hold(data)
        else:
            self._message(data)

    def _frame(self, frame: dict[str, Any], raw: str) -> None:
        kind = frame.get("type")
        if type(frame) is Refused:
            self._refuse(frame)
        elif kind == "rpc":
            self._rpc(frame)
        elif kind == "cf_agent_state" and "state" in frame:
            self._state(frame)
        elif kind == "roost_message":
            self._wrapped(frame)
        elif kind == "roost_job":
            self._job(frame)
        else:
            self._message(raw)

    def _refuse(self, frame: Refused) -> None:
        """Say what is wrong with a frame whose values can't be taken, to whatever waits for its answer."""
        kind, id, seq = frame.get("type"), frame.get("id"), frame.get("seq")
        if kind == "rpc" and type(id) is str and len(id) <= 255:
            answer = frames.failure(id, frame.error)
        elif kind == "cf_agent_state":
            answer = frames.state_error(frame.error, seq if type(seq) is int else None)
        else:
            answer = frames.bad_frame(frame.error)
        self.line.send_text_bytes(answer)

    def _numbered(self, frame: dict[str, Any], size: int) -> None:
        seq = frame["seq"]
        if type(seq) is not int or seq < 1:
            self.line.send_text_bytes(frames.bad_frame(Rejected("seq must be a whole number from 1", code="bad-frame")))
            return
        order = self._order
        turn = order.put(seq, frame, size)
        if turn is None:
            if order.crowded:
                self._give_up(crowded=True)
            elif self._gap is None and order.gap:
                self._gap = self.runtime.host.call_later(GAP_SECONDS, self._give_up)
            return
        while turn is not None:
            self._frame(turn, "")
            turn = order.take()
        if self._gap is not None:  # that one is closed; another has its own time
            self._gap.cancel()
            self._gap = self.runtime.host.call_later(GAP_SECONDS, self._give_up) if order.gap else None

    def _give_up(self, *, crowded: bool = False) -> None:
        if self._order.gap:
            self.line.send_text_bytes(frames.bad_frame(frame_gap(self._order.next, crowded=crowded)))
            self.line.close(FRAME_GAP, "frame-gap")
        self._order.clear()
        self._gap = None

    def _rpc(self, frame: dict[str, Any]) -> None:
        id: Any = frame.get("id")
        method: Any = frame.get("method")
        args: Any = frame.get("args")
        kwargs: Any = frame.get("kwargs")
        key: Any = frame.get("key")
        if type(id) is not str or len(id) > 255:
            wrong = "an rpc frame needs a text `id` of at most 255 characters"
            self.line.send_text_bytes(frames.bad_frame(Rejected(wrong, code="bad-frame")))
            return
        wrong = ""
        if type(method) is not str:
            wrong = "`method` must be text"
        elif type(args) is not list:
            wrong = "`args` must be an array"
        elif kwargs is not None and type(kwargs) is not dict:
            wrong = "`kwargs` must be an object"
        elif key is not None and not (type(key) is str and 0 < len(key) <= 255 and key.isprintable()):
            wrong = "`key` must be 1 to 255 printable characters"
        if wrong:
            self.line.send_text_bytes(frames.failure(id, Rejected(f"in an rpc frame {wrong}", code="bad-frame")))
            return
        call = Call(method, tuple(frame["args"]), frame.get("kwargs") or {}, self.cid, id)
        self._post(Trigger("call", call, key, self._source, self.caller))

    def _state(self, frame: dict[str, Any]) -> None:
        seq = frame.get("seq")
        payload = SetState(self.cid, frame["state"], seq if type(seq) is int else None)
        if not self.runtime.app.kind(self.address.kind).client_writes:
            error = Rejected(
                f"clients of {self.address.kind} may not write its state: it has not set client_writes = True",
                code="readonly-connection", status=403,
            )  # fmt: skip
            self.line.send_text_bytes(frames.state_error(error, payload.seq))
            return
        self._post(Trigger("message", payload, None, self._source, self.caller))

    def _job(self, frame: dict[str, Any]) -> None:
        """A stream of a job is followed, or left."""
        from .follows import job_frame

        self.beside(job_frame(self.runtime, self.address, self.cid, self.caller, self.line, frame))

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what is no tick."""
        self.runtime.host.spawn(work)

    def _wrapped(self, frame: dict[str, Any]) -> None:
        if "base64" in frame:
            try:
                self._message(base64.b64decode(frame["base64"], validate=True))
            except (binascii.Error, TypeError, ValueError):
                self.line.send_text_bytes(
                    frames.bad_frame(Rejected("`base64` of a roost_message is not base64", code="bad-frame"))
                )
            return
        data = frame.get("data")
        self._message(data if isinstance(data, str) else to_json(data, inf_nan_mode="null").decode())

    def _message(self, data: str | bytes) -> None:
        kind = self.runtime.app.kind(self.address.kind)
        if "on_message" not in kind.hooks:
            error = NotFound(
                f"{kind.name} takes no messages: it has no on_message, and this frame is no call", code="no-on-message"
            )
            self.line.send_text_bytes(frames.bad_frame(error))
            return
        self._post(Trigger("message", Message(self.cid, data), None, self._source, self.caller))

    def _post(self, trigger: Trigger) -> None:
        self._busy += 1
        if self._busy >= BUSY and not self._paused:
            self._paused = True
            self.line.pause()
        try:
            self.runtime.post(self.address, trigger, self._done)
        except RoostError as error:
            self._answer(trigger.payload, error)
            self._done(failed(error))

    def _answer(self, payload: Payload, error: RoostError) -> None:
        if isinstance(payload, Call):
            self.line.send_text_bytes(frames.failure(payload.rpc or "", error))
        elif isinstance(payload, SetState):
            self.line.send_text_bytes(frames.state_error(error, payload.seq))
        else:
            self.line.send_text_bytes(frames.bad_frame(error))

    def _done(self, result: TickResult) -> None:
        self._busy -= 1
        self._read_on()

    def _read_on(self) -> None:
        if self._paused and self._busy <= BUSY // 2:
            self._paused = False
            self.line.resume()

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        if self._clock is not None:
            self._clock.cancel()
        if self._held is None or self._refused:
            self._disconnect(code, reason)
        else:
            self._left = code, reason  # behind its frames, which wait for `on_connect`

    def _disconnect(self, code: int, reason: str) -> None:
        if self._gap is not None:
            self._gap.cancel()
        self._order.clear()
        with suppress(RoostError):  # shutting down: the next host sweeps
            self.runtime.post(self.address, Trigger("disconnect", Disconnect(self.cid, code, reason), source="admin"))
