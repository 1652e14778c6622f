"""What a handler can do: the running tick as the author's objects see it. `roost.tick.tick.Tick` fills it.

Effects are recorded at once and leave with the commit. Every method refuses after the tick's end (AgentError
`tick-over`), and those that write in a readonly action (AgentError `readonly`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .kv import Data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from ..contract.address import Address
    from ..contract.commit import Row
    from ..contract.errors import AgentError
    from ..contract.job import TellKind
    from ..contract.trigger import Trigger
    from .action import Action
    from .job_method import JobMethod, JobRef
    from .kv import KV
    from .schedule import When


class Effects(Data, Protocol):
    """One run of one handler: what it reads, and what it records."""

    at: float
    """Epoch seconds: the agent's `now`."""
    trigger: Trigger

    @property
    def random(self) -> Random: ...
    def over(self, what: str) -> AgentError:
        """The error of something that is asked for after the tick's end."""
        ...

    def row(self, row: Row) -> Row:
        """A connection's row as this tick has changed it."""
        ...

    def connections(self) -> list[Row]:
        """The open ones, oldest first, with this tick's own changes."""
        ...

    def kv(self) -> KV: ...
    def tell(self, to: Address, action: Action, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None: ...
    def schedule(self, key: str, when: When, target: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """`target`: the wire name of one of the agent's own methods."""
        ...

    def schedule_job(
        self, key: str, when: When, job: JobMethod, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Start a job then, under the schedule's key."""
        ...

    def unschedule(self, key: str) -> bool:
        """Whether it was there."""
        ...

    def start(self, job: JobMethod, key: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> JobRef[Any]:
        """The live job of that key, or a new one. LimitExceeded `jobs`; Rejected `job-arguments`."""
        ...

    def tell_job(self, job: str, kind: TellKind, name: str, value: Any) -> bool:
        """`job`: uid or key; `name`: of a signal, or the id of a question. Whether the job lives."""
        ...

    def jobs(self) -> Sequence[JobRef[Any]]: ...
    def send(self, to: tuple[str, ...], data: Any) -> None:
        """`to`: ids of connections."""
        ...

    def broadcast(self, data: Any, without: str | None) -> None:
        """`without`: the id of the connection that is left out."""
        ...

    def attach(self, row: Row, value: Any) -> None:
        """Set a connection's attachment; None takes it away."""
        ...

    def hang_up(self, cid: str, code: int, reason: str) -> None: ...
    def record(self, kind: str, data: Any) -> None: ...
    def emit(self, chunk: Any) -> bytes:
        """Leaves at once, before any commit; the chunk as JSON."""
        ...
