"""The ports: what a backend fills. Few, no optional method, data on both sides.

The core calls `Store`, `Courier`, `Wire` and `Alarms`; `Host` brings clock, entropy and tasks; the world
calls the core through `Backend`. Vendor errors stop at the adapter (`raise ... from`): a port raises only
`roost.errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .contract.address import Address
from .contract.commit import (  # fmt: skip
    AlreadyHandled,
    Busy,
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Envelope,
    Frame,
    Handled,
    Lease,
    Letter,
    Page,
    Snapshot,
)
from .fetch import Fetch

if TYPE_CHECKING:
    from .contract.trigger import Source, Trigger
    from .journal import Journal

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do. A missing one runs the suite's negative case: refused with NotSupported."""

    name: str
    frame_order: bool = True
    """Frames without `seq` arrive in order."""
    http_stream: bool = True
    """HTTP answers and SSE are sent as they are made."""
    connect_path: bool = True
    """WebSockets come in at /agents/{kind}/{key}; False: one URL, `agent` and `name` in the query."""
    close_code: bool = True
    """The server chooses close codes."""
    binary_frames: bool = True
    """WebSockets carry binary frames; False: a binary message is {"type": "roost_message", "base64"} both ways."""
    resident: bool = True
    """An agent stays awake between calls; False: it is asleep whenever nothing runs."""
    operator_first: bool = True
    """An operator's destroy or export goes before the letters that wait; False: once its host gets the agent."""
    jobs: bool = False
    """Jobs run here."""
    threads: bool = False
    """`run.thread` runs its function in a thread."""
    sse_window: float = 50.0
    """Seconds an SSE response stays open; 0 = what is there, then close."""
    idle_timeout: float | None = None
    """Seconds after which an idle WebSocket is closed."""
    max_connection: float | None = None
    """Seconds after which any WebSocket is closed."""


class Store(Protocol):
    """Durable memory of all agents. Every write is atomic and durable when its call returns."""

    @property
    def journal(self) -> Journal:
        """The jobs of the same agents. NotSupported: not there yet; a commit with `jobs` is refused alike."""
        ...

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy: ...
    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]: ...
    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        """Keys with `prefix` greater than `after`, ascending by UTF-8 bytes, at most `limit`. `reverse`: less than
        `after` ("": any), descending."""
        ...

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        """The inbox row, expired ones included: the caller compares `expires` with its own clock."""
        ...

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        """Inbox rows of what the agent did to itself (source "agent", its own address) under ids with `prefix`;
        expired ones too."""
        ...

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        """Conflict, Fenced: nothing was written. Unknown: settle by `outcome` or `load`."""
        ...

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        """Append to the mailbox; the letter with its `n`. The same (source, principal, id) again: the first one.

        In the same write `armed` becomes the earlier of itself and the column, the first one's sender may never have
        known; and a letter with a `next` lowers
        `due` to it. LimitExceeded `mailbox` when `limit` letters wait; Rejected 422 when the id waits with other
        arguments.
        """
        ...

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]: ...
    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        """Forget delivered envelopes and set `armed`, in one write."""
        ...

    async def arm(self, address: Address, at: float | None) -> None:
        """Set the `armed` column alone: quarantine puts it off, a failed wake re-arms."""
        ...

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        """Entries after seq `after`, oldest first, and the first seq still kept (seq + 1 when empty)."""
        ...

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]: ...
    async def redrive(self, address: Address, id: str | None) -> int:
        """Dead letters back into the mailbox with attempts 0 and their inbox rows gone; all, or the one."""
        ...

    async def purge(self, address: Address, id: str | None) -> int:
        """Dead letters gone for good; all, or those of the id. How many."""
        ...

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page: ...
    async def size(self, address: Address) -> int:
        """Bytes stored for one agent, as near as the platform tells."""
        ...


class Courier(Protocol):
    """Carries envelopes and asks to other agents: at least once."""

    async def deliver(self, envelope: Envelope) -> None:
        """Returns when the receiver has it durably (or was destroyed since). TransientError: try again."""
        ...

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        """The action's result as JSON; raises its error."""
        ...


class Wire(Protocol):
    """Sends frames to open connections, in order per connection."""

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        """Send what `version` released; returns the ids that are gone. Version 0: live, ungated frames."""
        ...

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None: ...
    def open(self, address: Address) -> Mapping[str, int] | None:
        """Open connections, each with the last version released to it; None = this backend can't tell."""
        ...


class Leases(Protocol):
    """How hosts that share a store take turns on an agent (rule 10). A host that owns its agents has none."""

    def lease(self) -> Lease:
        """What `Store.load` is given: this host's name, and until when. TransientError: it must take none now."""
        ...

    async def renew(self, address: Address) -> None:
        """Put off the lease's end while a tick runs; `holds` tells whether it was lost."""
        ...

    def holds(self, address: Address) -> bool:
        """This host has the agent: it took it, did not give it back, and no commit found it lost."""
        ...

    def sure(self, address: Address) -> bool:
        """This host has the agent, and by its own clock nobody else can have taken it."""
        ...

    def lost(self, address: Address) -> None:
        """Think no more of holding it; the lease ends by itself."""
        ...

    async def leave(self, address: Address, left: bool, released: int, force: bool, belled: bool) -> bool:
        """Give the agent back; False = somebody rang since its letters were last read.

        `left`: letters stay behind. `released`: the version whose frames are out. `force`: leave all
        the same; whatever waits is left to others. `belled`: a doorbell is under way for what is armed; else whoever
        takes the agent next finds it as that of a dead host.
        """
        ...

    async def ring(self, address: Address, wake: float | None) -> bool:
        """Make whoever holds the agent look again before it leaves; False = nobody holds it.

        `wake`: what the doorbell was for that brought this host, as `wake` rang it; 0: for none. It is passed on.
        """
        ...

    async def call(self, address: Address, delay: float) -> None:
        """A doorbell in `delay` seconds: some host looks at the agent."""
        ...

    async def wake(self, address: Address, at: float, known: bool) -> None:
        """A doorbell at `at`. `known`: it is what the agent is armed for; else a look in between, in place of bells
        whose wakes are not known any more."""
        ...

    async def post(self, address: Address, letter: Letter, limit: int, armed: float | None) -> tuple[Letter, float]:
        """`Store.park`, and a ring: the letter, and until when somebody holds the agent and sees it; 0 = nobody.
        `armed`: when the letter is due, if not yet: a doorbell is under way before the column says so."""
        ...

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        """Take the guest `n` out of the mailbox and leave its answer, if it is still there."""
        ...

    async def answered(self, address: Address, n: int) -> bytes | None: ...
    async def withdraw(self, address: Address, n: int) -> bool:
        """Take a guest back; False = it is not there any more."""
        ...


class Holds(Leases, Protocol):
    """The same where a host keeps what it took: as long as it is sure of itself, until it is asked or has no use for
    it. Who rings or posts is counted, so that nothing is missed between a look and the next."""

    async def request(self, address: Address) -> None:
        """Ask whoever holds the agent to give it back."""
        ...

    async def rings(self, address: Address) -> int:
        """How often somebody rang, in all."""
        ...

    async def heard(self, address: Address, rings: int) -> None:
        """Whoever rang so far is provided for: what they posted is in the image, and the agent is armed for it."""
        ...


class Terms(Protocol):
    """On what terms a host has its agents, handed in by its backend: it owns them (`engine/owning.py`), leases each
    while it works (`engine/leased/leasing.py`), or holds them while it is sure (`engine/held/holding.py`)."""

    @property
    def leases(self) -> Leases | None:
        """How hosts take turns; None: this one owns its agents."""
        ...

    def cells(self) -> tuple[type[Any], Callable[[Any], Coroutine[Any, Any, None]]]:
        """The class of its cells, and the work of their pumps."""
        ...


class Alarms(Protocol):
    """The platform's single wake for an agent: at the earlier of the two times it is told, each kept as last told."""

    async def arm(self, address: Address, at: float | None) -> None:
        """What the agent itself is armed for. After each commit that changed it."""
        ...

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        """`Journal.due`. After each write that changed it, and after a commit that started jobs (due at its `at`)."""
        ...


class Timer(Protocol):
    def cancel(self) -> None: ...


class Future(Protocol[T_contra]):
    """An awaitable that somebody else settles."""

    def done(self) -> bool: ...
    def set_result(self, value: T_contra, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...
    def __await__(self) -> Any: ...


class Host(Protocol):
    """Clock, entropy and tasks: what the core may not reach for itself."""

    def now(self) -> float:
        """Epoch seconds: the wall clock, which is set forward and back. For what is stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, of this host alone. For time-outs and deadlines; it may stand still in a suspend."""
        ...

    def entropy(self) -> int:
        """64 random bits."""
        ...

    def future(self) -> Future[Any]: ...
    def spawn(self, work: Coroutine[Any, Any, Any], /, *, eager: bool = False) -> Timer:
        """Run concurrently; the host keeps a reference and reports what it raises.

        `eager`: the caller is done, so the work may run until it first waits before this returns.
        """
        ...

    def call_soon(self, call: Callable[[], object], /) -> None:
        """Next, inside no task: as a plain callback of the loop."""
        ...

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        """After `delay` monotonic seconds."""
        ...

    def call_at(self, at: float, call: Callable[[], object], /) -> Timer:
        """At a time of the wall clock (epoch seconds), wherever that is set meanwhile: never early by it."""
        ...

    async def sleep(self, seconds: float, /) -> None: ...
    async def in_thread(self, call: Callable[[], T], /) -> T:
        """Beside the loop, where `Capabilities.threads`. Cancelled, the thread goes on, and counts for nothing."""
        ...

    async def shielded(self, future: Future[T], /) -> T:
        """Wait without the waiter's cancellation reaching the future."""
        ...

    def timeout(self, seconds: float, /) -> Timeout:
        """`async with`: cancels what runs inside after `seconds` and raises TimeoutError."""
        ...

    def ending(self) -> bool:
        """The host itself is going: whatever is cancelled now is cancelled by it."""
        ...

    def cancelled(self) -> bool:
        """The running task is asked to end, and not by the host: by code that it ran."""
        ...

    async def uncancel(self) -> None:
        """Take back what `cancelled` says."""
        ...

    def gate(self, pending: Any, /) -> Future[Any] | None:
        """Stands before what a coroutine waits for, where a cancelled wait could go on: a task may refuse to end. Done
        once `pending` is. None: the wait ends at once."""
        ...


class Timeout(Protocol):
    async def __aenter__(self) -> Timeout: ...
    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> bool | None: ...
    def expired(self) -> bool:
        """The TimeoutError was this one's, not the author's own."""
        ...


class Verify(Protocol):
    """Signatures of others, for auth hooks."""

    def __call__(self, algorithm: str, jwk: Mapping[str, str], message: bytes, signature: bytes, /) -> Awaitable[bool]:
        """Whether the signature (as JWS has it) is of this message. ValueError: the key can't be used.

        `algorithm`: ES256, ES384, ES512 or EdDSA; `jwk`: a public key that is for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What a backend fills."""

    store: Store
    courier: Courier
    wire: Wire
    alarms: Alarms
    host: Host
    fetch: Fetch
    terms: Terms | None = None
    """Of hosts that share the store; None: this one owns its agents."""
    verify: Verify | None = None
    """The platform's, where Python has no package cryptography."""
