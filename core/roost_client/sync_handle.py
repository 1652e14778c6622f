"""One agent for code without an event loop: `AgentHandle`, blocking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roost.contract.address import Address

from .events import Event
from .handle import AgentHandle, Document, Lane, Snapshot
from .job import SyncJob
from .portal import Portal
from .sync_connection import SyncConnection


class SyncAgentHandle:
    """Every verb is that of `AgentHandle`; streams are plain iterators."""

    def __init__(self, handle: AgentHandle, portal: Portal) -> None:
        self._handle = handle
        self._portal = portal

    def __repr__(self) -> str:
        return f"Sync{self._handle!r}"

    @property
    def address(self) -> Address:
        """(kind, key)."""
        return self._handle.address

    def call(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call an action; its result as JSON has it."""
        return self.call_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)

    def call_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """`call`, for arguments of any name."""
        return self._portal.run(
            lambda: self._handle.call_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)
        )

    def stream(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Chunks of a streaming action as they come."""
        return self._portal.iterate(
            self._handle.stream_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)
        )

    def tell(
        self,
        action: str,
        /,
        *args: Any,
        lane: Lane = "standard",
        delay: float = 0.0,
        idempotency_key: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Have an action run, `delay` seconds from now; returns the trigger's id."""
        return self._portal.run(
            lambda: self._handle.tell_with(
                action, args, kwargs, lane=lane, delay=delay, idempotency_key=idempotency_key
            )
        )

    def events(self, *, after: int = 0, kinds: Sequence[str] = (), follow: bool = True) -> Iterator[Event]:
        """The event log from number `after` on, for ever, or with `follow=False` up to now."""
        return self._portal.iterate(self._handle.events(after=after, kinds=kinds, follow=follow))

    def connect(
        self,
        query: Mapping[str, str] | None = None,
        *,
        numbered: bool = True,
        listen: bool = True,
        label: str | None = None,
    ) -> SyncConnection:
        """A WebSocket to the agent, for `with`."""
        connection = self._handle.connect(query, numbered=numbered, listen=listen, label=label)
        return SyncConnection(connection, self._portal)

    def start(
        self,
        job: str,
        /,
        *args: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        **kwargs: Any,
    ) -> SyncJob:
        """`AgentHandle.start`."""
        return SyncJob(
            self._portal.run(
                lambda: self._handle.start_with(job, args, kwargs, key=key, idempotency_key=idempotency_key)
            ),
            self._portal,
        )

    def job(self, id: str) -> SyncJob:
        """`AgentHandle.job`."""
        return SyncJob(self._handle.job(id), self._portal)

    def jobs(self, limit: int = 100) -> list[Document]:
        """`AgentHandle.jobs`."""
        return self._portal.run(lambda: self._handle.jobs(limit))

    def state(self) -> Any:
        """The committed state."""
        return self._portal.run(self._handle.state)

    def snapshot(self) -> Snapshot:
        """The committed state with its version."""
        return self._portal.run(self._handle.snapshot)

    def status(self) -> Document:
        """Status, metrics, version, next wake."""
        return self._portal.run(self._handle.status)

    def questions(self) -> list[Document]:
        """`AgentHandle.questions`."""
        return self._portal.run(self._handle.questions)

    def answer(self, question: str, value: Any, *, idempotency_key: str | None = None) -> None:
        """`AgentHandle.answer`."""
        self._portal.run(lambda: self._handle.answer(question, value, idempotency_key=idempotency_key))

    def dead_letters(self) -> list[Document]:
        """Triggers that failed for good."""
        return self._portal.run(self._handle.dead_letters)

    def purge_dead_letters(self, id: str | None = None) -> int:
        """`AgentHandle.purge_dead_letters`."""
        return self._portal.run(lambda: self._handle.purge_dead_letters(id))

    def letters(self, after: int = 0, limit: int = 100) -> list[Document]:
        """`AgentHandle.letters`."""
        return self._portal.run(lambda: self._handle.letters(after, limit))

    def purge_letters(self, id: str | None = None) -> int:
        """`AgentHandle.purge_letters`."""
        return self._portal.run(lambda: self._handle.purge_letters(id))

    def redrive(self, id: str | None = None) -> int:
        """Try one dead letter again, or all of them; how many that was."""
        return self._portal.run(lambda: self._handle.redrive(id))

    def hibernate(self) -> None:
        """Admin: put the agent to sleep."""
        self._portal.run(self._handle.hibernate)

    def migrate(self) -> None:
        """Admin: bring a quarantined agent's state to the present schema."""
        self._portal.run(self._handle.migrate)

    def reset(self) -> None:
        """Admin: give a quarantined agent a first state."""
        self._portal.run(self._handle.reset)

    def destroy(self, exported: Mapping[str, Any] | None = None) -> None:
        """`AgentHandle.destroy`."""
        self._portal.run(lambda: self._handle.destroy(exported))

    def export(self) -> Document:
        """Admin: everything of the agent in a portable, checksummed document."""
        return self._portal.run(self._handle.export)

    def restore(self, doc: Mapping[str, Any], *, unsigned: bool = False) -> None:
        """Admin: make this agent from an exported document. It must not exist.

        `unsigned`: it is taken whoever signed it, or nobody.
        """
        self._portal.run(lambda: self._handle.restore(doc, unsigned=unsigned))
