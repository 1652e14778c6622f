"""The emulator: one table of what a platform does to an app, and the rules of its connections as plain code.

`PLATFORMS` is the table. What a capability says (HTTP does not stream, one WebSocket URL) the shared surface
obeys by itself; `Rules` holds what only the platform's gateway does to sockets. `Ledger` decides which
connections end and when: time is passed in, nothing here reads a clock or owns a timer. gateway.py moves the
bytes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, Generic, NamedTuple, TypeVar

from roost.author.app import App
from roost.contract.errors import Rejected
from roost.contract.limits import KIB
from roost.ports import Capabilities

W = TypeVar("W", bound=Hashable)

GOING_AWAY: Final = 1001
NORMAL: Final = 1000
NO_BINARY: Final = 1003


@dataclass(frozen=True, slots=True)
class Rules:
    """What a platform does to connections. Times in seconds, sizes in bytes; `sources` says where each is from."""

    capabilities: Capabilities
    greeting: float = 0.0
    """From the 101 to the first frame: on Lambda nothing can be sent inside $connect, a second invocation does it."""
    spread: float = 0.0
    """A frame arrives up to this late: each is an invocation of its own, so they overtake each other."""
    frame: int | None = None
    """A longer frame closes 1009, whatever the app's own limits say."""
    sources: Mapping[str, str] | None = None

    @property
    def gateway(self) -> bool:
        """Whether something stands between the sockets and the agents (gateway.py)."""
        c = self.capabilities
        return bool(self.greeting or self.spread or c.idle_timeout or c.max_connection or not c.close_code)


PLATFORMS: Final[Mapping[str, Rules]] = {
    "cloudflare": Rules(
        # A Durable Object holds its own sockets: order, paths and close codes are as here. 32 MiB messages are
        # allowed there; the portable limit is narrower and holds.
        Capabilities("cloudflare", jobs=True),
        sources={
            "sse_window": "an open response pins a Durable Object in memory, so streams end after 50 s",
            "frame": "32 MiB, https://developers.cloudflare.com/durable-objects/platform/limits/",
        },
    ),
    "lambda": Rules(
        Capabilities(
            "lambda",
            frame_order=False,
            http_stream=False,
            connect_path=False,
            close_code=False,
            binary_frames=False,
            sse_window=0.0,
            idle_timeout=600.0,
            max_connection=7200.0,
        ),
        greeting=0.05,
        spread=0.01,
        frame=32 * KIB,
        sources={
            "frame_order": "each frame is its own concurrent invocation of $default",
            "http_stream": "the managed Python runtime answers with one buffered payload",
            "connect_path": "a WebSocket API has one URL a stage",
            "close_code": "DELETE @connections closes 1000; the code is API Gateway's, boto/boto3#3789",
            "binary_frames": "a binary frame closes 1003, developer guide, binary media types for WebSocket APIs",
            "idle_timeout": "10 minutes, API Gateway WebSocket quotas",
            "max_connection": "2 hours, API Gateway WebSocket quotas",
            "frame": "32 KB, else 1009, API Gateway WebSocket quotas",
            "greeting": "410 Gone inside $connect: an asynchronous invocation greets",
        },
    ),
}


def rules_for(platform: str, app: App) -> Rules:
    """The rules of a platform. Rejected: none of that name, or the app raised limits it can't carry."""
    rules = PLATFORMS.get(platform)
    if rules is None:
        raise Rejected(f"no platform {platform!r} to emulate; there are: {', '.join(PLATFORMS)}", code="bad-platform")
    beyond = app.limits.refused_by().get(platform)
    if beyond:
        raise Rejected(
            f"{platform} can't carry this app: App(limits=...) raises {', '.join(beyond)} above what it allows",
            code="limits",
        )
    return rules


class Ending(NamedTuple):
    """A connection the platform ends."""

    code: int
    reason: str


class Ledger(Generic[W]):
    """Which connections are open, since when, and when each last had a frame either way.

    Both dictionaries stay in the order of time, so that what is due stands in front.
    """

    def __init__(self, idle: float | None, life: float | None) -> None:
        self._idle = idle
        self._life = life
        self._born: dict[W, float] = {}
        self._stirred: dict[W, float] = {}

    def opened(self, who: W, now: float) -> None:
        self._born[who] = self._stirred[who] = now

    def stirred(self, who: W, now: float) -> None:
        """A frame came or went."""
        if self._stirred.pop(who, None) is not None:
            self._stirred[who] = now

    def closed(self, who: W) -> None:
        self._born.pop(who, None)
        self._stirred.pop(who, None)

    def due(self, now: float) -> list[tuple[W, Ending]]:
        """The connections that end now; they are forgotten."""
        out: list[tuple[W, Ending]] = []
        for since, limit in ((self._born, self._life), (self._stirred, self._idle)):
            while limit is not None and since:
                who, at = next(iter(since.items()))
                if now < at + limit:
                    break
                out.append((who, Ending(GOING_AWAY, "Going away")))
                self.closed(who)
        return out

    def next(self) -> float | None:
        """The earliest time at which something may be due."""
        times = [
            next(iter(since.values())) + limit
            for since, limit in ((self._born, self._life), (self._stirred, self._idle))
            if limit is not None and since
        ]
        return min(times, default=None)


class Jitter:
    """How late each frame arrives. Seeded: the same seed, the same order."""

    def __init__(self, spread: float, seed: int) -> None:
        self._spread = spread
        self._random = Random(seed)

    def delay(self) -> float:
        return self._random.random() * self._spread
