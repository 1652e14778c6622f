"""The records of docs/contract.md, "records": what a tick writes, what a store gives back. Schema version 1.

Bytes are JSON unless said otherwise; times are epoch seconds; every record carries what all three
layouts (SQLite, Durable Object, DynamoDB) need and nothing of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from .address import Address
from .record import record
from .trigger import Lane, Source

if TYPE_CHECKING:
    from .job import (
        JobEnd,
        JobKept,
        JobMoved,
        JobStart,
        LiveJob,
    )  # a process whose agents have no jobs never loads it
    from .job_mark import JobMark

SCHEMA: Final = 1
"""Version of the stored records. A store that holds a newer one answers TransientError (rule 12)."""

Outcome: TypeAlias = Literal["value", "agent-error", "rejected", "limit", "transient", "stale"]


@record
class Handled:
    """One inbox row: the stored outcome of a trigger id."""

    source: Source
    principal: str
    id: str
    fingerprint: bytes
    """16 bytes over (action, canonical arguments)."""
    outcome: Outcome
    value: bytes
    """The result, or the problem document, as JSON."""
    expires: float


@record
class Put:
    """One operation a key; `value` None deletes it."""

    key: str
    value: bytes | None


@record
class Schedule:
    """One line of the author's schedule list."""

    key: str
    gen: int
    """Rises when the spec or the due time changes."""
    due: float
    """The occurrence on the grid."""
    spec: bytes
    """`schedule.Spec` as JSON."""
    target: str
    args: bytes
    """{"args": [...], "kwargs": {...}}"""
    attempts: int = 0
    next: float | None = None
    """When to try again after a failed attempt; None = at `due`."""

    @property
    def at(self) -> float:
        """When it wants to run: `next` during back-off, else `due`."""
        return self.due if self.next is None else self.next


@record
class Unschedule:
    """Removes a line."""

    key: str


@record
class Envelope:
    """A tell on its way to another agent. At least once until settled; the id dedupes."""

    id: str
    to: Address
    action: str
    args: bytes
    sender: Address
    generation: int = 0
    """Of a tell to oneself: the agent's own, and the tell dies with it. To another agent 0: whoever lives at the
    address when it arrives gets it, and where nobody lives it starts a fresh agent, as a fresh call does. The sender
    cannot know of a destruction, and a committed tell is never dropped for what its sender did not know."""
    lane: Lane = "standard"
    internal: bool = False
    attempts: int = 0
    next: float = 0.0
    """When to try the delivery again."""


@record
class Letter:
    """A parked call: a durable tell that waits in the receiver's mailbox."""

    id: str
    source: Source
    principal: str
    action: str
    args: bytes
    lane: Lane = "standard"
    internal: bool = False
    attempts: int = 0
    next: float = 0.0
    """Not before; 0 = at once."""
    n: int = 0
    """The store's key: order of arrival. 0 = not parked yet."""
    claims: bytes | None = None
    keyed: bool = True
    """The sender may repeat the id, so its outcome is kept in the inbox."""
    forwarded: bytes | None = None
    """A guest: a whole trigger (guest_codec.py) that another host parked and whose result it waits for."""


@record
class DeadLetter:
    """A letter or occurrence whose last attempt failed. Redrive keeps the id."""

    letter: Letter
    error: bytes
    """The problem document."""
    at: float
    n: int = 0


@record
class Entry:
    """One entry of the event log. `seq` is dense per agent, from 1."""

    seq: int
    kind: str
    data: bytes
    at: float


@record
class Row:
    """One open connection. `attachment` commits with the tick."""

    cid: str
    label: str
    opened: float
    principal: str | None = None
    claims: bytes | None = None
    attachment: bytes | None = None


@record
class Gone:
    """The row of a connection that is no more."""

    cid: str


@record
class Frame:
    """One frame for one or more connections. Text (UTF-8) unless `binary`."""

    to: tuple[str, ...]
    data: bytes
    binary: bool = False


@record
class Hangup:
    """Close a connection after the commit."""

    cid: str
    code: int
    reason: str


@dataclass(slots=True)
class Commit:
    """All that one tick writes: applied whole or not at all. Not frozen: built on the hottest path."""

    address: Address
    generation: int
    base: int
    """The version this was computed from; the store refuses any other."""
    version: int
    at: float
    fence: int = 0
    schema: int = SCHEMA
    handled: Handled | None = None
    consumed: int | None = None
    """`n` of the letter that this tick was."""
    deferred: Letter | None = None
    """The same letter, to be tried again at its `next`."""
    dead: tuple[DeadLetter, ...] = ()
    state: bytes | None = None
    """None = unchanged."""
    state_version: int = 1
    kv: tuple[Put, ...] = ()
    schedules: tuple[Schedule | Unschedule, ...] = ()
    sgen: int = 0
    """The agent's last schedule generation."""
    next_due: float | None = None
    """Earliest of schedules and letters in back-off."""
    armed: float | None = None
    """When the platform must wake the agent: `next_due`, or sooner while envelopes or letters are under way."""
    outbox: tuple[Envelope, ...] = ()
    log: tuple[Entry, ...] = ()
    seq: int = 0
    connections: tuple[Row | Gone, ...] = ()
    released: int = 0
    """The last version known released."""
    destroy: bool = False
    """Leaves only the tombstone {generation + 1} and the undelivered envelopes."""
    waiting: int | None = None
    """With `destroy`: refused (`refusals.arrived`) unless exactly so many letters wait, guests not counted."""
    restored: bool = False
    """An import: the limits of one commit don't apply."""
    letters: tuple[Letter, ...] = ()
    """Of an import: what waited where it was exported, parked in this order; the store numbers it."""
    inbox: tuple[Handled, ...] = ()
    """Of an import: what its jobs did to it that their journals do not say."""
    jobs: tuple[JobStart | JobEnd | JobMoved | JobKept, ...] = ()
    """Jobs that begin, born due at `at`, and jobs that are no more; of an import those that it brings."""
    jobs_seen: tuple[JobMark, ...] | None = None
    """With `destroy`: refused (`refusals.moved_on`) unless these are the live jobs, and they are as they were."""
    answer: bytes | None = None
    """What the guest that `consumed` names came to. Conflict when whoever parked it took it back meanwhile."""
    yield_lease: bool = False
    """Give the agent back in the same write, unless somebody rang."""


@record
class Committed:
    """The commit is durable."""

    version: int


@record
class AlreadyHandled:
    """Another run of the same id committed first; nothing of this one was written."""

    handled: Handled


@record
class Lease:
    """A claim on an agent, for backends whose hosts share a store."""

    owner: str
    until: float


@record
class Busy:
    """Another host holds the lease until then."""

    until: float


Taken: TypeAlias = Literal["given", "kept", "dead"]
"""How a lease came to its host: the last one gave it back; it had it all the while; the last one died, or lost it, and
of what it armed the platform may not know."""


@record
class Snapshot:
    """An agent as last committed. `state` None = it does not exist (never made, or destroyed)."""

    address: Address
    schema: int = SCHEMA
    generation: int = 1
    fence: int = 0
    version: int = 0
    at: float = 0.0
    seq: int = 0
    sgen: int = 0
    due: float | None = None
    armed: float | None = None
    released: int = 0
    state: bytes | None = None
    state_version: int = 1
    schedules: tuple[Schedule, ...] = ()
    connections: tuple[Row, ...] = ()
    outbox: tuple[Envelope, ...] = ()
    letters: tuple[Letter, ...] = ()
    """The oldest waiting letters, back-off included, at most `LETTERS`."""
    waiting: int = 0
    """How many letters there are in all."""
    dead: int = 0
    jobs: tuple[LiveJob, ...] = ()
    """Those that have not ended, in the order of their start."""
    taken: Taken = "given"
    """Of a load that takes a lease."""

    @property
    def exists(self) -> bool:
        return self.state is not None


LETTERS: Final = 1000


@record
class Listed:
    """One line of a listing."""

    address: Address
    version: int
    at: float
    due: float | None


@record
class Page:
    """A page of a listing; `cursor` None = the last."""

    rows: tuple[Listed, ...]
    cursor: str | None
