"""What one tick does to the jobs of its agent: begins, cancels and ends them. Loaded by agents that have some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic_core import from_json, to_json

from ..author.action import Action, Options
from ..author.asking import wait_work
from ..author.job_method import JobMethod, JobRef
from ..contract.address import Address, check_key
from ..contract.encoding import encode_arguments
from ..contract.errors import LimitExceeded, Rejected
from ..contract.fingerprint import fingerprint
from ..contract.job import LIVE, LIVE_BYTES, JobEnd, JobStart, LiveJob, live_bytes
from ..contract.trigger import JOB_TELL

if TYPE_CHECKING:
    from ..contract.commit import Commit
    from ..contract.job import TellKind
    from ..contract.limits import Limits
    from ..contract.trigger import JobOver, Trigger
    from .image import Image


class Recorder(Protocol):
    """The tick, as far as this needs it."""

    image: Image
    address: Address
    trigger: Trigger
    at: float
    limits: Limits
    log: list[tuple[str, bytes]]
    outbox: list[tuple[Address, Action, bytes]]
    puts: dict[str, bytes | None]
    schedules: dict[str, Any]


async def _tell(self: Any, uid: str, kind: str, name: str, value: Any, source: str, principal: str) -> None:
    """Stands for what `engine.jobs` does."""


TELLS: Final = Action(JOB_TELL, _tell, Options(), public=False)
"""What an agent tells itself when it cancels or signals a job, or answers it: so that it leaves with the commit, and is
not lost."""


class JobEffects:
    """Of one tick."""

    __slots__ = ("ends", "size", "starts")

    def __init__(self) -> None:
        self.starts: list[JobStart] = []
        self.ends: list[JobEnd] = []
        self.size = 0
        """Bytes of both."""

    def live(self, tick: Recorder) -> list[JobRef[Any]]:
        """As the tick leaves them."""
        return [JobRef[Any](x.uid, x.name, x.key) for x in self._live(tick)]

    def _live(self, tick: Recorder) -> list[LiveJob]:
        ended = {end.uid for end in self.ends}
        return [x for x in (*tick.image.jobs.values(), *(s.live for s in self.starts)) if x.uid not in ended]

    def start(
        self, tick: Recorder, job: JobMethod, key: str | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> JobRef[Any]:
        """The live job of that key, or a new one."""
        if key is not None:
            check_key(key, what="a job's key")
        data, _ = job.action.pack(args, kwargs, f"the job {job.name}", tick.limits.arguments)
        mark = fingerprint(job.name, data)
        live = self._live(tick)
        for found in live:
            if key is not None and found.key == key:
                if found.fingerprint != mark:
                    raise Rejected(
                        f"the job {key!r} of {tick.address} lives, and was started with other arguments; wait for its "
                        "end, or start this one under another key",
                        code="job-arguments", status=409,
                    )  # fmt: skip
                return JobRef(found.uid, found.name, found.key)
        if len(live) >= LIVE:
            raise LimitExceeded(f"{tick.address} has {len(live)} jobs that live, which is the limit", limit="jobs")
        trigger = tick.trigger
        one = LiveJob(
            f"{tick.image.version + 1}.{len(self.starts) + 1}", key, job.name, mark, tick.at,
            tick.at + job.timeout, trigger.source, trigger.principal,
        )  # fmt: skip
        if (size := live_bytes(one)) > LIVE_BYTES:
            raise LimitExceeded(
                f"what the snapshot keeps of the job {job.name} has {size} bytes; the limit is {LIVE_BYTES}: give it a "
                "shorter key",
                limit="job_key",
            )
        self.starts.append(JobStart(one, data))
        self.size += size + len(data)
        tick.log.append(("job-started", to_json({"id": one.uid, "job": one.name, "key": one.key})))
        return JobRef(one.uid, one.name, one.key)

    def tell(self, tick: Recorder, job: str, kind: TellKind, name: str, value: Any) -> bool:
        """`job`: uid or key. AgentError `bad-signal`; LimitExceeded `arguments`."""
        if kind == "signal":
            wait_work(name)
        trigger = tick.trigger
        for one in self._live(tick):
            if job in (one.uid, one.key):
                args = (one.uid, kind, name, value, trigger.source, trigger.principal)
                what = f"what is told to the job {one.name}"
                tick.outbox.append((tick.address, TELLS, encode_arguments(args, {}, what, tick.limits.arguments)))
                return True
        return False

    def end(self, tick: Recorder, over: JobOver) -> None:
        """The job is no more."""
        self.ends.append(JobEnd(over.uid, over.outcome))
        self.size += len(over.outcome)
        tick.log.append(("job-ended", ended(tick.image, over)))

    def fill(self, tick: Recorder, commit: Commit) -> None:
        """Put it into the commit. LimitExceeded: with what else the tick wrote it is too much."""
        commit.jobs = (*self.ends, *self.starts)
        operations = len(commit.jobs) + len(commit.log) + len(tick.puts) + len(tick.schedules) + len(tick.outbox)
        if operations > tick.limits.commit_operations:
            raise LimitExceeded(
                f"one tick made {operations} writes; the limit is {tick.limits.commit_operations}, and each job that "
                "starts is two: start them in several ticks, for instance by a tell to the agent itself",
                limit="commit_operations",
            )
        size = self.size + sum(len(args) for _, _, args in tick.outbox)
        size += sum(len(value or b"") for value in tick.puts.values())
        if size > tick.limits.commit_bytes:
            raise LimitExceeded(
                f"one tick wrote {size} bytes; the limit is {tick.limits.commit_bytes}", limit="commit_bytes"
            )


def ended(image: Image, over: JobOver) -> bytes:
    """What the log says of it."""
    live = image.jobs[over.uid]
    line: dict[str, Any] = {"id": live.uid, "job": live.name, "key": live.key}
    try:
        found: Any = from_json(over.outcome)
        if "error" in found:
            line["error"] = found["error"]["code"]
    except Exception:  # whatever stored bytes can raise
        line["error"] = "unreadable"
    return to_json(line)
