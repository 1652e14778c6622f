"""What a test sees of a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import from_json

from ..contract.address import Address
from ..contract.errors import NotFound, RoostError, from_problem
from ..contract.job import EndedJob
from ..contract.journal import Fact, read
from ..journal import Journal

if TYPE_CHECKING:
    from ..engine.jobs.reading import Reader


@dataclass(frozen=True, slots=True)
class JobState:
    """A job at one moment."""

    id: str
    name: str
    status: Literal["running", "waiting", "ended"]
    """running: an executor has it. waiting: for its time, or for others; nothing of it is in memory."""
    due: float | None = None
    """Epoch seconds: when somebody must look."""
    rows: tuple[tuple[Fact, ...], ...] = ()
    """Of its journal, which its end takes away."""
    outcome: Any = None
    """What it returned, as data."""
    error: RoostError | None = None

    @property
    def steps(self) -> list[str]:
        """Names of the calls whose outcome is kept, in the order in which it was."""
        kinds = ("value", "failed", "unknown", "signal", "answer", "expired")
        return [fact.name.rpartition(".")[2] for row in self.rows for fact in row if fact.kind in kinds]


async def job_state(journal: Journal, address: Address, id: str) -> JobState:
    """NotFound: there is no such job."""
    found = await journal.job(address, id)
    if found is None:
        raise NotFound(f"{address} has no job {id!r}", code="no-job")
    name = found.live.name
    if isinstance(found, EndedJob):
        doc: Any = from_json(found.outcome)
        error = from_problem(doc["error"]) if "error" in doc else None
        return JobState(id, name, "ended", outcome=doc.get("value"), error=error)
    rows: list[tuple[Fact, ...]] = []
    after = found.base
    while page := await journal.rows(address, id, after):
        rows += [read(line.position, line.data).facts for line in page]
        after = page[-1].position
    return JobState(id, name, "running" if found.owner else "waiting", found.due, tuple(rows))


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """What a reader of a job's stream was told."""

    kind: str
    """item, reset, gap, end."""
    cursor: str
    """`after` of whoever reads on behind it."""
    item: Any = None
    step: str = ""
    """Which step said it: `{run}/{branch}/{n}`. Of a reset: whose items are void, "" = everybody's."""
    void_from: int = 0
    """Of a reset: items at this offset and above, as their cursors tell it, are void."""


async def seen(reader: Reader, settle: Callable[[], Awaitable[None]]) -> list[StreamSeen]:
    """All that there is now."""
    told: list[StreamSeen] = []
    while not reader.over and (some := await reader.some()):
        for one in some:
            doc: Any = from_json(one.data)
            told.append(StreamSeen(one.kind, one.cursor, doc.get("item"), doc.get("step", ""), doc.get("void_from", 0)))
        await settle()
    return told


def items(told: Sequence[StreamSeen]) -> list[Any]:
    """What a stream says, once all that is void is taken out."""
    kept: list[tuple[int, str, Any]] = []
    for one in told:
        if one.kind == "item":
            kept.append((int(one.cursor.partition(".")[2]), one.step, one.item))
        elif one.kind == "reset":
            kept = [x for x in kept if x[0] < one.void_from or one.step not in ("", x[1])]
    return [item for _, _, item in kept]
