"""A raw WebSocket to an agent, spoken as any client would: frame by frame, nothing sent that was not asked for."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from pydantic_core import from_json, to_json
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ..stage import Stage

GREETING_ENDS = "cf_agent_mcp_servers"
_ids = itertools.count(1)


class Talk:
    """The client's end. Frames come parsed: JSON as data, other text as str, binary as bytes."""

    def __init__(self, stage: Stage, socket: ClientConnection) -> None:
        self.stage = stage
        self.socket = socket
        self.code: int | None = None
        """The server's close code, once it has closed."""
        self._kept: list[Any] = []
        """Frames passed over, oldest first: somebody may ask for them yet."""

    async def _until(self, wanted: Callable[[Any], bool]) -> Any:
        for index, frame in enumerate(self._kept):
            if wanted(frame):
                return self._kept.pop(index)
        async with asyncio.timeout(self.stage.patience):
            while True:
                raw = await self.socket.recv()
                try:
                    frame = from_json(raw) if isinstance(raw, str) else raw
                except ValueError:
                    frame = raw
                if not self.stage.capabilities.binary_frames:
                    assert isinstance(raw, str), "this backend has no binary frames"
                    frame = unwrapped(frame)
                if wanted(frame):
                    return frame
                self._kept.append(frame)

    async def next(self, *types: str) -> Any:
        """The oldest frame not taken yet, of one of these types if any are given."""
        return await self._until(lambda frame: not types or type_of(frame) in types)

    async def own(self, count: int = 1) -> list[Any]:
        """The next `count` frames that the agent's author sent: neither greeting, nor state, nor replies."""
        return [await self._until(_is_own) for _ in range(count)]

    async def greeting(self) -> list[Any]:
        """All frames up to the last of the greeting."""
        frames = [await self.next()]
        while type_of(frames[-1]) != GREETING_ENDS:
            frames.append(await self.next())
        return frames

    async def until_state(self, state: Any) -> list[Any]:
        """The states shown, up to this one."""
        seen = [(await self.next("cf_agent_state"))["state"]]
        while seen[-1] != state:
            seen.append((await self.next("cf_agent_state"))["state"])
        return seen

    async def send(self, frame: Any) -> None:
        """A frame: str as it is, bytes binary, anything else as JSON text."""
        await self.socket.send(frame if isinstance(frame, (str, bytes)) else to_json(frame).decode())

    async def ask(self, method: str, *args: Any, **extra: Any) -> str:
        """Send a call, with extra members in its frame; its id."""
        id: str = extra.pop("id", f"call-{next(_ids)}")
        await self.send({"type": "rpc", "id": id, "method": method, "args": list(args), **extra})
        return id

    async def answer(self, id: str) -> Any:
        """The next frame of this call."""
        return await self._until(lambda frame: type_of(frame) == "rpc" and frame.get("id") == id)

    async def call(self, method: str, *args: Any, **extra: Any) -> Any:
        """A call's reply frame."""
        return await self.answer(await self.ask(method, *args, **extra))

    async def result(self, method: str, *args: Any, **extra: Any) -> Any:
        """A call's result."""
        reply = await self.call(method, *args, **extra)
        assert reply["success"] is True and reply["done"] is True, f"{method} failed: {reply}"
        return reply["result"]

    async def stream(self, id: str) -> tuple[list[Any], Any]:
        """(chunks, the frame that ended it) of a streaming call."""
        chunks: list[Any] = []
        while True:
            frame = await self.answer(id)
            if frame["success"] is not True or frame["done"] is not False:
                return chunks, frame
            chunks.append(frame["result"])

    async def ended(self) -> list[Any]:
        """The frames up to the server's close, whose code is then `code`."""
        frames: list[Any] = []
        while True:
            try:
                frames.append(await self.next())
            except ConnectionClosed as error:
                self.code = error.rcvd.code if error.rcvd is not None else 1006
                return frames

    async def refused(self, status: int, code: str) -> dict[str, Any]:
        """The problem with which the server refuses this connection: an error frame, then close 4000 + status."""
        frames = await self.ended()
        last: dict[str, Any] = frames[-1] if frames and type_of(frames[-1]) == "roost_close" else {}
        assert last, f"a roost_close frame, not {frames}"
        expected = 1013 if status == 503 else 4000 + status
        assert last["code"] == expected, f"roost_close names the code {last['code']}, not {expected}"
        if self.stage.capabilities.close_code:
            assert self.code == expected, f"closed with {self.code}, not {expected}"
        problem: dict[str, Any] = last["problem"]
        assert (problem["status"], problem["code"]) == (status, code), problem
        assert problem["type"] == f"urn:roost:error:{code}" and problem["title"] and problem["detail"], problem
        assert last["error"] == problem["detail"], last
        return problem


def type_of(frame: Any) -> str | None:
    """The `type` of a frame that is a JSON object with one."""
    found: Any = cast("dict[str, Any]", frame).get("type") if isinstance(frame, dict) else None
    return found if isinstance(found, str) else None


def unwrapped(frame: Any) -> Any:
    """The bytes of a binary message that came as text; any other frame as it is."""
    if type_of(frame) == "roost_message" and "base64" in frame:
        return base64.b64decode(frame["base64"], validate=True)
    return frame


def _is_own(frame: Any) -> bool:
    return not (type_of(frame) or "").startswith(("cf_", "rpc", "roost_"))


@asynccontextmanager
async def talk(
    stage: Stage,
    kind: str,
    key: str,
    /,
    *,
    headers: Mapping[str, str] | None = None,
    greeted: bool = True,
    **query: str,
) -> AsyncGenerator[Talk]:
    """Open a WebSocket; with `greeted` its greeting has been read when the block starts."""
    async with stage.socket(kind, key, headers=headers, **query) as socket:
        one = Talk(stage, socket)
        if greeted:
            await one.greeting()
        yield one
