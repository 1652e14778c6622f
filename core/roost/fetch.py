"""The port to the world outside: requests that agents send, each under its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import httpx


class Outbound(Protocol):
    """The Idempotency-Keys of one tick's requests (rule 5)."""

    @property
    def judged(self) -> bool:
        """Whether `App(egress=)` says where they may go: not those of the app's own hook."""
        ...

    def check(self) -> object:
        """AgentError `tick-over`: nothing may be sent any more."""
        ...

    def key(self, method: str, url: str, body: bytes | None) -> str | None:
        """The key of a request that is about to be sent: the one of its failed try before, else a new one. `body` None:
        it is made while it is sent. None: the trigger has no id, so there is no key."""
        ...

    def ended(self, key: str, status: int | None) -> None:
        """A request that carried this key was answered; None: no whole answer came."""
        ...


class Fetch(Protocol):
    """Outbound HTTP, handed in by the backend; the core knows only its type."""

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        """A client for one tick: each request carries its key; none outlives `deadline` (of `Host.monotonic`)."""
        ...
