"""What makes an agent run: a trigger and its payload. Plain frozen data; every field survives a JSON round trip.

The clock and the entropy of a tick are inputs too. They are stamped when the tick starts, not when the
trigger arrives (a trigger may wait), so they travel beside it: see `Tick`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .address import Address
from .record import record

if TYPE_CHECKING:
    from .job_mark import JobMark

TriggerKind: TypeAlias = Literal[
    "start", "request", "call", "message", "connect", "disconnect", "alarm",
    "event", "export", "import", "migrate", "reset", "completed", "destroy", "purge",
]  # fmt: skip
Lane: TypeAlias = Literal["urgent", "standard"]
CallerSource: TypeAlias = Literal["client", "agent", "operator", "app"]
"""Who calls: whoever comes from outside, another agent, the bearer of the admin token, the app's own `web`."""
Source: TypeAlias = Literal["client", "agent", "operator", "app", "schedule", "admin"]
"""Where a trigger comes from: its caller's, or a schedule of the agent, or Roost itself ("admin")."""

CALLERS: Final = frozenset({"client", "agent", "operator", "app"})

JOB_TELL: Final = "roost.job-tell"
"""The action of what an agent tells itself to cancel, signal or answer one of its jobs: no method can be called so."""
JOB_END: Final = "roost.job-end"
"""The action of the letter that says that a job ended."""

ADMIN: Final[frozenset[str]] = frozenset({"export", "import", "migrate", "reset", "destroy", "purge"})
"""Kinds of the operator's triggers: `engine.admin` runs them, loaded with the first."""
NEVER_CREATE: Final = frozenset({"alarm", "disconnect", "completed", "export", "migrate", "reset", "destroy", "purge"})
"""Kinds of trigger that find no agent and leave none (rule 28)."""


@record
class Caller:
    """Who asks. `principal` is what the auth hook calls a client, or the address of the agent that calls.

    (source, principal) is who: a client may have any name, an agent's or the operator's too.
    """

    principal: str
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: CallerSource = "client"
    """Set by Roost alone: of what an auth hook returns it is always "client"."""
    expires: float | None = None
    """Epoch seconds after which the caller's WebSockets are closed; None = never."""
    roles: tuple[str, ...] = ()
    """What `@action(roles=...)` asks of clients."""


@record
class Call:
    """Run a method. `wire` is the method's wire name; `internal` allows methods that are not actions."""

    action: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cid: str | None = None
    """The connection that asked, for an RPC frame; its reply goes there."""
    rpc: str | None = None
    """The RPC frame's own id, echoed in the reply."""
    internal: bool = False


@record
class Message:
    """A user message on a connection: text or binary."""

    cid: str
    data: str | bytes


@record
class SetState:
    """A client asks to replace the state (`cf_agent_state` from a client)."""

    cid: str
    state: Any
    seq: int | None = None
    """The frame's number, for the acknowledgement."""


@record
class Connect:
    """A WebSocket was accepted."""

    cid: str
    label: str
    opened: float
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    seen: str = ""
    """Digest of the view it was greeted with (frames.digest): another one, committed since, must still be shown."""
    client: str | None = None
    """The network of a client without a name, where its sockets are counted; "" unknown."""


@record
class Disconnect:
    """A WebSocket is gone: seen, or swept at load."""

    cid: str
    code: int = 1006
    reason: str = ""


@record
class Occurrence:
    """One firing of a schedule; stale unless the table still holds this gen and due time."""

    key: str
    gen: int
    due: float


@record
class Request:
    """An HTTP request to the agent. `path` is what follows the key, with its slash, or ''."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header called `name`, any case."""
        name = name.lower()
        return next((v for k, v in self.headers if k.lower() == name), None)


@record
class Import:
    """A checked export document to become this agent."""

    document: Mapping[str, Any]


@record
class Purge:
    """Letters that wait go, unrun: all, or those of the id."""

    id: str | None = None


@record
class JobOver:
    """A job of the agent ended; its last row is written."""

    uid: str
    outcome: bytes
    """{"value": ...} or {"error": problem document}, as JSON."""
    name: str = ""
    """Of the job, where its end was committed before: `on_job` was refused then, and is tried again. "" = it lives."""
    key: str | None = None
    """Beside a name."""


@record
class Destroy:
    """Only if the agent is still at `version`, and exactly `letters` letters wait."""

    version: int
    letters: int = 0
    jobs: tuple[JobMark, ...] = ()
    """The live ones, as they were seen."""


@record
class Nothing:
    """The payload of triggers that are only their kind."""


NOTHING: Final = Nothing()
Payload: TypeAlias = (
    Call
    | Message
    | SetState
    | Connect
    | Disconnect
    | Occurrence
    | Request
    | Import
    | Purge
    | Destroy
    | JobOver
    | Nothing
)


@record
class Trigger:
    """One reason to tick. Without an `id` it leaves no inbox row and is at most once."""

    kind: TriggerKind
    payload: Payload
    id: str | None = None
    source: Source = "client"
    caller: Caller | None = None
    lane: Lane = "standard"
    deadline: float | None = None
    """When nobody waits any more, by `Host.monotonic` of the host that runs it; the tick is cancelled. What crosses to
    another host is the seconds left."""
    path: tuple[str, ...] = ()
    """Addresses of the agents that wait for this one, outermost first."""
    letter_id: str = ""
    """The id of its letter, where it has none itself: the host that runs it may die, and the next one runs it again."""

    @property
    def what(self) -> str:
        """What runs, as a log names it: the action of a call, else the kind of trigger."""
        return self.payload.action if isinstance(self.payload, Call) else self.kind

    @property
    def principal(self) -> str:
        """The scope of the id; '' = anonymous."""
        return self.caller.principal if self.caller is not None else ""

    def own(self, address: Address) -> bool:
        """Whether it comes from the agent at `address` itself: its schedules, what it tells itself, or Roost."""
        source = self.source
        return source in ("schedule", "admin") or (source == "agent" and self.principal == str(address))

    @property
    def scoped(self) -> str | None:
        """Names what is done for this trigger, so that a second run finds it: the id with whose it is: two may use
        the same. None: it has no id, and runs once."""
        id, principal = self.id, self.principal
        if id is not None:
            if self.source == "agent" and id.startswith(f"{principal}/"):  # given by `TickAsker`, or an envelope's
                return id
            return f"{self.source}:{len(principal)}:{principal}:{id}"
        if isinstance(self.payload, Connect):
            return f"connect:{self.payload.cid}"
        return f"guest:{self.letter_id}" if self.letter_id else None
