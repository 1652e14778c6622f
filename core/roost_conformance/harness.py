"""What a backend supplies so that the suite can drive it."""

from __future__ import annotations

from typing import Protocol

from roost.contract.address import Address
from roost.ports import Capabilities


class Harness(Protocol):
    """A deployment of the conformance app (`roost_conformance.app:app`).

    A slow one may say how patient the cases must be: `patience` (seconds, default stage.PATIENCE), `pause` between
    two looks (stage.PAUSE), and `beside`, how many cases run at once (run.BESIDE). `thinks` False: its app has no
    chat agents, which cost its bundle 4 MB; who only runs their cases sets it before `start`.
    """

    url: str
    """Base of the HTTP surface; valid after `start`, may change with `crash`."""
    base_path: str | None
    """Where WebSockets come in when the backend can't take paths (client's `basePath`); None = /agents/..."""
    admin_token: str
    capabilities: Capabilities

    @property
    def log(self) -> str:
        """What the host printed last, shown when a case fails; empty where it prints elsewhere."""
        ...

    async def start(self, *, restless: bool) -> None:
        """Start empty. `restless`: the agent hibernates between any two ticks."""
        ...

    async def evict(self, address: Address) -> None:
        """Put one agent to sleep as the platform would."""
        ...

    async def crash(self) -> None:
        """Kill the host without warning (kill -9) and start it again on the same storage."""
        ...

    async def stop(self) -> None: ...
