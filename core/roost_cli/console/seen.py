"""What `roost dev` has seen of its agents, for the page: ticks, errors with the author's frame, the log. Memory alone.

It holds the newest of each, and goes with the process: what is to be kept is in the agents' own logs.
"""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from roost.author.agent import Agent
from roost.author.app import App
from roost.contract.address import Address
from roost.contract.trigger import Trigger
from roost.engine.runtime import Runtime

from ..blame import blame

TICKS: Final = 100
"""Of an agent."""
AGENTS: Final = 200
LINES: Final = 300
"""Of the log."""
ROWS: Final = 50
"""Values of KV, a page."""
WIDE: Final = 2000
"""Characters of a value that is shown."""
_ID: Final = re.compile(r"\[([0-9a-f]{16})\]")


class Seen(logging.Handler):
    """A handler of the log and a wrapper of ticks."""

    def __init__(self, app: App) -> None:
        super().__init__(logging.INFO)
        self._app = app
        self._ticks: dict[str, deque[dict[str, Any]]] = {}
        self._lines: deque[dict[str, Any]] = deque(maxlen=LINES)
        self._frames: dict[str, str] = {}

    def watch(self) -> None:
        """From now on. Before the app is served, which reads its wrappers once."""
        self._app.around = (self.around, *self._app.around)
        logging.getLogger().addHandler(self)

    async def around(self, agent: Agent[Any, Any], trigger: Trigger, proceed: Callable[[], Awaitable[None]]) -> None:
        """Note a tick: what began it, how long it ran, what it wrote and said. Its commit is still to come."""
        tick: Any = agent._tick  # pyright: ignore[reportPrivateUsage] (what it recorded)
        begun, failed = time.perf_counter(), ""
        try:
            await proceed()
        except BaseException as error:
            failed = f"{type(error).__name__}: {error}"[:300]
            raise
        finally:
            wrote = {
                "kv": len(tick.puts), "tells": len(tick.outbox), "schedules": len(tick.schedules),
                "events": len(tick.log), "frames": len(tick.frames),
            }  # fmt: skip
            self._note(
                str(tick.address),
                {
                    "at": tick.at,
                    "kind": trigger.kind,
                    "what": trigger.what,
                    "by": None if trigger.caller is None else f"{trigger.caller.source} {trigger.caller.principal}",
                    "attempt": tick.attempt_no,
                    "seconds": time.perf_counter() - begun,
                    "wrote": {name: count for name, count in wrote.items() if count},
                    "error": failed,
                },
            )

    def _note(self, address: str, row: dict[str, Any]) -> None:
        kept = self._ticks.pop(address, None) or deque[dict[str, Any]](maxlen=TICKS)
        self._ticks[address] = kept  # the one seen last stands last
        kept.append(row)
        while len(self._ticks) > AGENTS:
            del self._ticks[next(iter(self._ticks))]

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the log; the frame of an exception is found by the id that its caller got."""
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        frame = None if error is None else blame(error)
        line = {"at": record.created, "level": record.levelname, "text": message[:WIDE], "frame": frame}
        self._lines.append(line | {"agent": str(getattr(record, "agent", "") or "")})
        found = _ID.search(message)
        if found is not None and frame is not None:
            self._frames[found[1]] = frame
            while len(self._frames) > LINES:
                del self._frames[next(iter(self._frames))]

    def ticks(self, address: str) -> list[dict[str, Any]]:
        """Of an agent, the newest first."""
        return [*reversed(self._ticks.get(address, ()))]

    def lines(self) -> list[dict[str, Any]]:
        """Of the log, the newest first."""
        return [*reversed(self._lines)]

    def frame(self, id: str) -> str | None:
        """The author's code, where the error of this id was raised."""
        return self._frames.get(id)

    async def values(self, address: Address, prefix: str, after: str) -> dict[str, Any]:
        """A page of an agent's KV, as it is stored: {values: [{key, value, bytes}], more}. Wakes nobody."""
        runtime: Any = self._app.runtime
        if not isinstance(runtime, Runtime):
            return {"values": [], "more": False}
        rows = await runtime.store.scan(address, prefix, after, ROWS)
        shown = [{"key": key, "value": data[:WIDE].decode(errors="replace"), "bytes": len(data)} for key, data in rows]
        return {"values": shown, "more": len(rows) == ROWS}
