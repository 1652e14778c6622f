"""One tick: what a handler records, turned into one Commit. Sans-I/O: data in, data out.

Effects are recorded synchronously and leave with the commit; nothing here awaits, except that reads of KV
and log go to the store through `reader()`. A tick that is over refuses further effects: an effect recorded
by a forgotten task would be lost, and nothing acknowledged may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from ..author.equality import PLAIN, lost
from ..author.kv import KV
from ..author.schedule import Spec, When, next_due, parsed, same, spec_of
from ..contract.address import Address, check_key
from ..contract.commit import Commit, Entry, Envelope, Frame, Gone, Hangup, Put, Row, Schedule, Unschedule
from ..contract.encoding import encode, utf8
from ..contract.errors import AgentError, LimitExceeded

if TYPE_CHECKING:
    from ..author.action import Action
    from ..author.job_method import JobMethod, JobRef
    from ..author.kind import Kind
    from ..contract.job import TellKind
    from ..contract.limits import Limits
    from ..contract.trigger import Occurrence, Trigger
    from ..ports import Store
    from .image import Image
    from .job_effects import JobEffects
    from .outbound import Keys


def _same(stored: bytes, spec: Spec) -> bool:
    try:
        return same(parsed(stored), spec)
    except (ValueError, TypeError):  # what can't be read is replaced
        return False


class Tick:
    """The recorder of one run of one handler."""

    __slots__ = (
        "_jobs", "_random", "address", "asks", "at", "attempt_no", "chunks", "deadline", "frames", "fresh", "hangups",
        "image", "kind", "limits", "live", "log", "open", "origin", "outbound", "outbox", "path", "puts", "readonly",
        "rows", "schedules", "seed", "sgen", "store", "trigger",
    )  # fmt: skip

    _jobs: JobEffects

    def __init__(
        self, kind: Kind, image: Image, trigger: Trigger, at: float, seed: int, limits: Limits, store: Store,
        readonly: bool = False, attempt_no: int = 1,
    ) -> None:  # fmt: skip
        """`at`, `seed`: the clock (epoch seconds) and the entropy; with the trigger, all that a replay needs."""
        self.kind = kind
        self.image = image
        self.address: Address = image.address
        self.trigger = trigger
        self.at = at
        self.seed = seed
        self.limits = limits
        self.store = store
        self.readonly = readonly
        self.fresh = image.state is None
        """The agent did not exist: clients have been shown the default state already."""
        self.attempt_no = attempt_no
        self.open = True
        self.deadline = 0.0
        """By `Host.monotonic`; set before the handler runs."""
        self.path: tuple[str, ...] = trigger.path
        self.puts: dict[str, bytes | None] = {}
        self.schedules: dict[str, Schedule | Unschedule] = {}
        self.outbox: list[tuple[Address, Action, bytes]] = []
        self.frames: list[Frame] = []
        self.hangups: list[Hangup] = []
        self.rows: dict[str, Row | Gone] = {}
        self.log: list[tuple[str, bytes]] = []
        self.sgen = image.sgen
        self.asks = 0
        self.outbound: Keys | None = None
        """Once a handler has gone out."""
        self.chunks = 0
        self.live: Callable[[bytes], None] | None = None
        self.origin: str | None = None
        """A connection that must not get the state frame: it sent this state itself."""
        self._random: Random | None = None

    # What a handler reads ----------------------------------------------------------------------------

    @property
    def random(self) -> Random:
        if self._random is None:
            self._random = Random(self.seed)
        return self._random

    def reader(self) -> Store:
        if not self.open:
            raise self.over("read")
        return self.store

    def row(self, row: Row) -> Row:
        """The row as this tick has changed it."""
        now = self.rows.get(row.cid)
        return now if isinstance(now, Row) else row

    def connections(self) -> list[Row]:
        """The open ones, oldest first, with this tick's own changes."""
        if not self.open:
            raise self.over("connections")
        return sorted(self.rows_after(), key=lambda r: (r.opened, r.cid))

    def rows_after(self) -> list[Row]:
        """The open connections as this tick leaves them."""
        return [r for r in {**self.image.connections, **self.rows}.values() if isinstance(r, Row)]

    def kv(self) -> KV:
        return KV(self)

    # What a handler records --------------------------------------------------------------------------

    def over(self, what: str) -> AgentError:
        return AgentError(
            f"{what}: the tick is over, nothing would carry this out. Await what an action starts before it returns",
            code="tick-over",
        )

    def _may_write(self, what: str) -> None:
        if not self.open:
            raise self.over(what)
        if self.readonly:
            raise AgentError(f"{what} in a readonly action: drop readonly=True, or the write", code="readonly")

    def put(self, key: str, value: Any, *, delete: bool = False) -> None:
        self._may_write(f"kv.{'delete' if delete else 'put'}({key!r})")
        data = None if delete else encode(value, f"the value at {key!r}", by_alias=False)
        if not delete and type(value) not in PLAIN and (where := lost(value, "the value")):
            raise AgentError(
                f"kv.put({key!r}): {where} would not be read back as it is: pydantic does not read it as it writes it",
                code="bad-value",
            )
        if data is not None and len(data) > self.limits.value:
            raise LimitExceeded(
                f"the value at {key!r} has {len(data)} bytes; the limit is {self.limits.value}", limit="value"
            )
        self.puts[key] = data

    def tell(self, to: Address, action: Action, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        what = f"tell {to.kind}.{action.name}"
        self._may_write(what)
        if action.guarded:
            action.admit("agent", None, to == self.address)
        self.outbox.append((to, action, action.pack(args, kwargs, what, self.limits.arguments)[0]))

    def schedule(self, key: str, when: When, target: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._may_write(f"schedule({key!r})")
        check_key(key, what="a schedule's key")
        data, _ = self.kind.target(target).pack(args, kwargs, target, self.limits.arguments)
        spec, due = spec_of(when, self.at)
        old = self.schedules.get(key) or self.image.schedules.get(key)
        if isinstance(old, Schedule):
            if old.target == target and old.args == data and _same(old.spec, spec):
                return
        elif key not in self.image.schedules:
            count = len(self.image.schedules) + sum(
                1 if isinstance(s, Schedule) and k not in self.image.schedules else 0 for k, s in self.schedules.items()
            )
            if count >= self.limits.schedules:
                raise LimitExceeded(f"{self.address} has {count} schedules, which is the limit", limit="schedules")
        self.sgen += 1
        self.schedules[key] = Schedule(key, self.sgen, due, to_json(spec.dump()), target, data)

    def schedule_job(
        self, key: str, when: When, job: JobMethod, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        _, given = job.action.pack(args, kwargs, f"the job {job.name}", self.limits.arguments)
        self.schedule(key, when, job.start.name, (key, given["args"], given["kwargs"]), {})

    def unschedule(self, key: str) -> bool:
        self._may_write(f"unschedule({key!r})")
        stored = key in self.image.schedules
        found = isinstance(self.schedules[key], Schedule) if key in self.schedules else stored
        if stored:
            self.schedules[key] = Unschedule(key)
        else:
            self.schedules.pop(key, None)
        return found

    def frame(self, data: Any) -> tuple[bytes, bool]:
        """(payload, binary) of what an author sends."""
        binary = isinstance(data, (bytes, bytearray))
        raw = bytes(data) if binary else utf8(data, "a frame") if isinstance(data, str) else encode(data, "a frame")
        if len(raw) > self.limits.message_out:
            raise LimitExceeded(
                f"a frame has {len(raw)} bytes; the limit is {self.limits.message_out}", limit="message_out"
            )
        return raw, binary

    def send(self, to: tuple[str, ...], data: Any) -> None:
        self._may_write("send")
        raw, binary = self.frame(data)
        if to:
            self.frames.append(Frame(to, raw, binary))

    def broadcast(self, data: Any, without: str | None) -> None:
        self.send(tuple(r.cid for r in self.connections() if r.cid != without), data)

    def attach(self, row: Row, value: Any) -> None:
        self._may_write("connection.attachment")
        data = None if value is None else encode(value, "an attachment")
        if data is not None and len(data) > self.limits.attachment:
            raise LimitExceeded(
                f"an attachment has {len(data)} bytes; the limit is {self.limits.attachment}", limit="attachment"
            )
        now = self.rows.get(row.cid)
        if isinstance(now, Gone) or (now is None and row.cid not in self.image.connections):
            return  # it left meanwhile: there is no row to write to
        old = self.row(row)
        self.rows[row.cid] = Row(row.cid, row.label, row.opened, row.principal, row.claims, data)
        if old.attachment == data and now is None:
            del self.rows[row.cid]

    def hang_up(self, cid: str, code: int, reason: str) -> None:
        self._may_write("connection.close")
        if code != 1000 and not 3000 <= code <= 4999:
            raise ValueError(f"close({code}): a close code is 1000 or 3000 to 4999 (RFC 6455, 7.4)")
        if len(reason.encode()) > 123:
            raise ValueError("close(): the reason has more than 123 bytes of UTF-8 (RFC 6455, 5.5)")
        self.hangups.append(Hangup(cid, code, reason))

    def record(self, kind: str, data: Any) -> None:
        self._may_write(f"record({kind!r})")
        if (
            not kind
            or len(kind) > 64
            or not kind.isprintable()
            or "," in kind
            or kind in {"gap", "chunk", "stream-reset"}
        ):
            raise ValueError(
                f"record({kind!r}): a kind is 1 to 64 printable characters without commas, and not gap, chunk or "
                "stream-reset"
            )
        raw = encode(data, f"the event {kind!r}")
        if len(raw) > self.limits.value:
            raise LimitExceeded(f"an event has {len(raw)} bytes; the limit is {self.limits.value}", limit="value")
        self.log.append((kind, raw))

    def emit(self, chunk: Any) -> bytes:
        """Send a chunk at once; its JSON."""
        if not self.open:
            raise self.over("emit")
        raw = encode(chunk, "a chunk")
        if len(raw) > self.limits.message_out:
            raise LimitExceeded(
                f"a chunk has {len(raw)} bytes; the limit is {self.limits.message_out}", limit="message_out"
            )
        if self.live is not None:
            self.live(raw)
        self.chunks += 1
        return raw

    def start(self, job: JobMethod, key: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> JobRef[Any]:
        self._may_write(f"start {job.name}")
        return self.job_effects().start(self, job, key, args, kwargs)

    def tell_job(self, job: str, kind: TellKind, name: str, value: Any) -> bool:
        self._may_write(f"tell the job {job}")
        return self.job_effects().tell(self, job, kind, name, value)

    def jobs(self) -> list[JobRef[Any]]:
        if not self.open:
            raise self.over("jobs")
        return self.job_effects().live(self)

    def job_effects(self) -> JobEffects:
        """What this tick does to jobs; made, and its module loaded, for agents that have some."""
        try:
            return self._jobs
        except AttributeError:
            from .job_effects import JobEffects

            found = self._jobs = JobEffects()
            return found

    # The end of the tick -----------------------------------------------------------------------------

    def advance(self, occurrence: Occurrence) -> None:
        """The occurrence is over: a one-shot leaves the table, a recurring one moves on along its grid."""
        row = self.image.schedules.get(occurrence.key)
        if occurrence.key in self.schedules or row is None or row.gen != occurrence.gen:
            return  # the handler itself changed the schedule
        try:
            due = next_due(parsed(row.spec), row.due, self.at)
        except (
            ValueError,
            TypeError,
        ):  # unreadable, or of a time zone unknown here: without a next time it can only end
            due = None
        if due is None:
            self.schedules[row.key] = Unschedule(row.key)
        else:
            self.sgen += 1
            self.schedules[row.key] = Schedule(row.key, self.sgen, due, row.spec, row.target, row.args)

    def discard(self) -> None:
        """Forget every effect: the handler failed."""
        self.puts.clear()
        self.schedules.clear()
        self.outbox.clear()
        self.frames.clear()
        self.hangups.clear()
        self.rows.clear()
        self.log.clear()
        self.sgen = self.image.sgen
        self.open = False

    @property
    def touched(self) -> bool:
        """Something durable was recorded besides the state."""
        return bool(self.puts or self.schedules or self.outbox or self.rows or self.log)

    def commit(self, state: bytes | None) -> Commit:
        """What is recorded, as a commit; `state` None = unchanged. LimitExceeded when it is too much."""
        commit = self.image.next_commit(self.at)
        commit.state = state
        commit.state_version = self.kind.state_version
        commit.sgen = self.sgen
        if self.puts or self.schedules or self.outbox or self.rows or self.log:
            self._fill(commit)
        return commit

    def _fill(self, commit: Commit) -> None:
        image, limits = self.image, self.limits
        commit.schedules = tuple(self.schedules.values())
        commit.connections = tuple(self.rows.values())
        if self.puts:
            commit.kv = tuple(Put(k, v) for k, v in self.puts.items())
        if self.log:
            commit.seq = image.seq + len(self.log)
            commit.log = tuple(Entry(image.seq + i, kind, data, self.at) for i, (kind, data) in enumerate(self.log, 1))
            if self.kind.jobs:  # what a tick does to jobs is in the log too
                self.job_effects().fill(self, commit)
        if self.outbox:
            prefix = f"{image.address}/{image.generation}/{commit.version}."
            commit.outbox = tuple(
                Envelope(
                    f"{prefix}{i}", to, action.name, args, image.address,
                    image.generation if to == image.address else 0, internal=not action.public,
                )
                for i, (to, action, args) in enumerate(self.outbox, 1)
            )  # fmt: skip
        operations = len(commit.kv) + len(commit.schedules) + len(commit.connections) + len(commit.log)
        operations += len(commit.outbox)
        if operations > limits.commit_operations:
            raise LimitExceeded(
                f"one tick made {operations} writes; the limit is {limits.commit_operations}. "
                "Spread them over several ticks, for instance by a tell to the agent itself",
                limit="commit_operations",
            )
        size = len(commit.state or b"")
        if commit.kv:
            size += sum(len(p.key.encode()) + len(p.value or b"") for p in commit.kv)
        if commit.schedules:
            size += sum(len(s.args) + len(s.spec) for s in commit.schedules if isinstance(s, Schedule))
        if commit.outbox or commit.log:
            size += sum(len(e.args) for e in commit.outbox) + sum(len(e.data) for e in commit.log)
        if commit.connections:
            size += sum(len(r.attachment or b"") for r in commit.connections if isinstance(r, Row))
        if size > limits.commit_bytes:
            raise LimitExceeded(
                f"one tick wrote {size} bytes; the limit is {limits.commit_bytes}", limit="commit_bytes"
            )
