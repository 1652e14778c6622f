"""How often a provider is asked under one key, by all agents of an app together: `limiter = ChatLimits`.

A provider that is busy says when it wants to be asked again, and says it to whoever asked; its other callers would ask
on, each until it hears the same. One agent a key is told, and tells all.
"""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel

from roost.author.action import action
from roost.author.agent import Agent
from roost.author.job_errors import Fatal
from roost.errors import NotFound, RoostError, TransientError

if TYPE_CHECKING:
    from .turn import Turn

ROW: Final = "asked"
MINUTE: Final = 60.0
LONGEST: Final = 3600.0
"""Seconds that a provider is believed when it says that it is busy."""
SLOT: Final = 0.1
"""Seconds between those that wait for the same instant."""


class Asked(BaseModel):
    """Of one key."""

    times: list[float] = []
    """Epoch seconds of the requests of the last minute."""
    busy: float = 0.0
    """Until when nobody asks."""
    next: float = 0.0
    """When whoever is refused next shall ask again."""


class ChatLimits(Agent):
    """Its key is a provider and a digest of URL and API key. A subclass says how many requests a minute it takes."""

    per_minute: ClassVar[int | None] = None

    @action(by="agent")
    async def ask(self) -> float:
        """0 = go on, and it is counted; else the seconds after which to ask again."""
        found = await self.kv.get(ROW, Asked) or Asked()
        now = self.now.timestamp()
        found.times = [at for at in found.times if at > now - MINUTE]
        free = found.busy
        if self.per_minute is not None and len(found.times) >= self.per_minute:
            free = max(free, found.times[-self.per_minute] + MINUTE)
        if free <= now:
            if self.per_minute is not None:
                found.times.append(now)
                self.kv.put(ROW, found)
            return 0.0
        found.next = max(free, found.next + SLOT)  # not all of them at once
        self.kv.put(ROW, found)
        return found.next - now

    @action(by="agent")
    async def busy(self, seconds: float) -> None:
        """The provider said so: nobody asks until then."""
        found = await self.kv.get(ROW, Asked) or Asked()
        found.busy = max(found.busy, self.now.timestamp() + min(max(seconds, 0.0), LONGEST))
        self.kv.put(ROW, found)


class Limiter:
    """Asks it, in the step of a request; of one turn. A wait is no attempt of the step."""

    def __init__(self, turn: Turn, kind: type[ChatLimits], model: Any) -> None:
        self._turn = turn
        self._kind = kind
        self._key = key_of(model)

    async def enter(self) -> None:
        agent = self._turn.agent
        try:
            wait = await agent.agent(self._kind, self._key, idempotency_key=token_hex(8)).ask()
        except NotFound as error:
            raise Fatal(
                f"{type(agent).__name__}.limiter: App([..., {self._kind.__name__}]) ({error.message})", code="no-limits"
            ) from error
        if wait > 0:
            raise TransientError("the provider is asked as often as it may be", code="busy", retry_after=wait)

    async def failed(self, error: BaseException) -> None:
        after = getattr(error, "retry_after", None)
        if getattr(error, "status_code", None) != 429 or not after:
            return
        try:
            await self._turn.agent.agent(self._kind, self._key, idempotency_key=token_hex(8)).busy(float(after))
        except RoostError:
            """The others hear it from the provider."""


def key_of(model: Any) -> str:
    """Of a model's provider, and the key that it is asked under."""
    client: Any = getattr(model, "client", None)
    said = f"{getattr(model, 'base_url', '')} {getattr(client, 'api_key', '')}"
    return f"{model.system}/{blake2b(said.encode(), digest_size=12).hexdigest()}"
