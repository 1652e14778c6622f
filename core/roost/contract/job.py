"""The records of a job: what the agent's snapshot says of it, its row, and what is told to it.

A job is started and ended by commits of its agent (`Commit.jobs`); in between only the port `Journal` writes it, and
neither touches the agent's version nor waits for its mailbox.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from .address import Address
from .job_mark import JobMark
from .record import record
from .trigger import Source

LIVE: Final = 64
"""Live jobs of an agent, refused where one is started."""
LIVE_BYTES: Final = 1024
"""Of one `LiveJob`, as `live_bytes` counts it."""
ROWS: Final = 2000
"""Rows of a journal since `Job.base`."""
JOURNAL_BYTES: Final = 8 << 20
"""Bytes of those rows."""
ROW_BYTES: Final = 1 << 20
"""Bytes of the value in one row. A store takes 64 KiB more a row, for what stands around it."""
OUTCOME_BYTES: Final = 120 * 1024
SIGNALS: Final = 100
"""Notes that wait to be taken by one job."""
QUESTIONS: Final = 32
"""Open questions of one job."""
KEPT: Final = 86_400.0
"""Seconds for which an outcome is kept."""
ENDED: Final = 1000
"""Outcomes that are kept of one agent, the newest."""


@record
class LiveJob:
    """What never changes of a job: the snapshot keeps it of each that has not ended."""

    uid: str
    """`{version}.{i}` of the commit that started it."""
    key: str | None
    """Names the live one; None = it has no name."""
    name: str
    """Of the method."""
    fingerprint: bytes
    """16 bytes over name and arguments, to compare a second start of the key with."""
    started: float
    deadline: float
    source: Source = "client"
    principal: str = ""
    """Both: who started it."""


@record
class JobStart:
    """In a commit: the job begins to exist, due at the commit's `at`."""

    live: LiveJob
    args: bytes


@record
class JobEnd:
    """In a commit: the job is no more. Its outcome is kept for `KEPT`; its journal, notes and questions are gone."""

    uid: str
    outcome: bytes
    """At most `OUTCOME_BYTES`."""


@record
class JobMoved:
    """In the commit of an import: a live job as it was where it was exported, due at the commit's `at`."""

    job: Job
    """Of its claim only the number counts: nobody has it."""
    args: bytes
    """Of this run."""
    lines: tuple[JournalLine, ...] = ()
    """Rows of this run."""
    notes: tuple[Note, ...] = ()
    """What waits to be taken."""
    taken: tuple[Note, ...] = ()
    """Whose ids go on to dedupe; nothing else of them counts."""
    questions: tuple[Question, ...] = ()


@record
class JobKept:
    """In the commit of an import: what a job came to that had ended, the newest last."""

    ended: EndedJob


@record
class Job:
    """A live job's row: what claims, journal and bells change."""

    live: LiveJob
    run: int = 1
    """Counts `again`."""
    base: int = 0
    """Position of the row that began this run; rows are read from the one after it."""
    claim: int = 0
    """Number of the last claim; 0 = it was never claimed."""
    owner: str = ""
    """Who claimed it; "" = it was let go."""
    until: float = 0.0
    """The claim's end."""
    due: float | None = None
    """When somebody must look: a claimed job's is the claim's end. None = it waits for its bell alone."""
    bell: int = 0
    """How often somebody rang."""
    held: bool = False
    """An operator holds it: its `due` stands, and counts for nobody."""
    held_until: float = 0.0
    """An export holds it until then, and it is due no sooner."""
    ended: float | None = None
    """When its last row was written. Its agent's commit is still to come."""


@record
class EndedJob:
    """A job of which a commit said that it ended."""

    live: LiveJob
    ended: float
    """`at` of that commit."""
    outcome: bytes


@record
class Claim:
    """One executor's hold on a job. Given back to the port, unread."""

    address: Address
    generation: int
    """The agent's life."""
    uid: str
    number: int
    owner: str
    life: str = ""
    """The store's own name of that life."""
    deadline: float = 0.0
    """The job's: what is written for it may be forgotten long after."""


@record
class Claimed:
    """The job is the caller's until the claim ends."""

    claim: Claim
    job: Job
    args: bytes
    """Of this run."""


@record
class JournalLine:
    """A stored row. `data`: what contract/journal.py reads. `claim`: number of the claim it was written under."""

    position: int
    claim: int
    data: bytes


NoteKind: TypeAlias = Literal["signal", "answer", "cancel"]
TellKind: TypeAlias = Literal["signal", "answer", "cancel", "hold", "resume"]
"""What an agent tells a job of its own: notes, and whether it is held."""


@record
class Note:
    """Something told to a job. The id dedupes as long as the job lives."""

    id: str
    kind: NoteKind
    name: str
    """Of a signal its name, of an answer its question's id."""
    data: bytes
    at: float
    source: Source = "client"
    principal: str = ""
    n: int = 0
    """What the bell was raised to. 0 = not written yet."""


@record
class Question:
    """What a job asks somebody."""

    id: str
    name: str
    data: bytes
    """JSON: what is asked, of whom, and the schema of the answer."""
    asked: float
    expires: float
    closed: float | None = None
    """When it was answered, or expired. None = it is open."""
    answer: Note | None = None


@record
class Rung:
    """The bell was raised."""

    note: Note | None
    """The one that counts: the first of its id."""
    until: float
    """The job is claimed until then, and its executor will see the bell; 0 = nobody has it, so wake somebody."""
    fresh: bool = True
    """False: this id was known, nothing was written but the bell."""


def holds(job: Job, now: float) -> bool:
    """Whether it may not go on."""
    return job.held or job.held_until > now


def mark(job: Job) -> JobMark:
    return JobMark(job.live.uid, job.claim, job.bell)


def numbers(uid: str) -> tuple[int, int]:
    """The two numbers of a uid; (-1, -1), which no job has, where it is none."""
    version, _, i = uid.partition(".")
    if version.isdecimal() and i.isdecimal() and len(uid) < 30 and f"{int(version)}.{int(i)}" == uid:
        return int(version), int(i)
    return -1, -1


def live_bytes(live: LiveJob) -> int:
    """What a live job takes in its agent's snapshot."""
    texts = (live.uid, live.key or "", live.name, live.source, live.principal)
    return sum(len(x.encode(errors="surrogatepass")) for x in texts) + len(live.fingerprint) + 64
