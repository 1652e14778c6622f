"""The port `Journal`: jobs between the commit that starts one and the commit that ends it (docs/decisions/011).

The position is the fence. An executor claims a job, reads its rows, and writes on at the next position, which must be
free: the first row it writes shuts out whoever had the job before. A claim only keeps two from working at once; clocks
that differ cost time and nothing else. Nothing here changes the agent's version or waits for its mailbox, and nothing
of a commit, `settle`, `arm` or a load changes when a job is due. Jobs belong to the agent's life: its destruction makes
all of them unreachable in its one write, and whoever writes for one learns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .contract.address import Address
from .contract.commit import Busy
from .contract.job import Claim, Claimed, EndedJob, Job, JournalLine, Note, Question, Rung
from .contract.stream import Follower, StreamLine


class Journal(Protocol):
    """Every write is atomic and durable when its call returns.

    `Fenced`: nothing was written, or it counts for nothing: the claim is over (taken by another, the job's end was
    committed, the agent destroyed). `Unknown`: the answer was lost; each method says how that is settled.
    """

    # Executors ---------------------------------------------------------------------------------------

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        """Take the job until then; its `due` becomes `until`. Busy: another owner's claim lasts. None: no live job.

        An owner may claim anew what it has, and gets the next number. `sole`: this host alone has the agent, so
        another's claim is of an earlier boot and void. Held jobs and ended ones can be claimed: look at them.
        Unknown: claim again.
        """
        ...

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        """Put off the claim's end and with it `due`; what the job is now, its bell too. Fenced. Unknown: renew again.

        A claim that ran out and was taken by nobody is renewed too.
        """
        ...

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        """Write a row where nothing may be. True: written. False: the position is taken by another claim's row.

        Only the position speaks against it, not a newer claim: whoever has the newest one reads on and goes on behind
        that row. `again`: the arguments of the next run, which begins with this row (`Job.run`, `Job.base`; notes that
        were taken and questions are forgotten). `ended`: this is the last row of all; from now on `ring` refuses the
        job. Fenced: no live job of that life. Unknown: append the same again, under the same claim: True if the row
        of that position is this claim's. LimitExceeded `job_row` beyond `ROW_BYTES` and 64 KiB.
        """
        ...

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        """Rows above position `after`, ascending: at most `limit` and about 1 MiB, and one at least if there is one.

        Empty: there are no more, or there is no live job. Rows up to `Job.base` may be gone.
        """
        ...

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        """Give the job back; it is due then, None = when somebody rings. False: the bell is not `bell` any more.

        `bell`: of the job as last read; None = let go whatever rang. Let go already, and nobody took it since: True,
        and nothing changes. Fenced. Unknown: let go again.
        """
        ...

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        """What waits to be taken, in the order in which it was told."""
        ...

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        """These notes are in a row of the journal: `notes` shows them no more; their ids go on to dedupe.

        After a crash between the two a note is shown again whose id is in the journal: skip it. No live job of that
        life: nothing happens. Unknown: once more.
        """
        ...

    async def ask(self, claim: Claim, question: Question) -> None:
        """Open a question, before the row that names it. Known already: nothing changes.

        Fenced: no live job of that life. LimitExceeded `job_questions`. Unknown: ask again.
        """
        ...

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        """Close a question unless it is closed: answered or not, whichever was first, as it is now.

        Fenced: no live job of that life. NotFound `no-question`. Unknown: expire it again.
        """
        ...

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        """Write a row of the job's streams where nothing may be: at `line.first`. True: written.

        False: the place is taken by another claim's row. `drop`: first offsets of the oldest rows, which are kept no
        longer. Fenced: no live job of that life, or its last row is written. Unknown: write the same again.
        """
        ...

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        """Rows of the job's streams with offsets above `after`, ascending: at most `limit` and about 1 MiB, and one at
        least if there is one. If there is none, the last row of all: a reader may be beyond what counts.

        They stay for `STREAM_KEPT` after the job's end, or longer, and go with the agent.
        """
        ...

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        """Keep a follower of a live job; one of this connection and stream becomes this one. Of more than `FOLLOWERS`
        the oldest goes. Of a job that ended nothing is kept, and its end takes all of them away. Unknown: once more.
        """
        ...

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        """Unknown: once more."""
        ...

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        """Of a live job, the oldest first."""
        ...

    # Whoever tells a job something -------------------------------------------------------------------

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        """Raise the bell, with a note or without one. A job that nobody has becomes due no later than `now`.

        An answer closes its question in the same write. A note whose id is known is not written again, and a question
        that was answered under this id counts as answered. NotFound `no-job`; Rejected 409 `job-ended`,
        `question-closed` (`data`: by, at); NotFound `no-question`; LimitExceeded `job_signals`. Unknown: ring again
        with the same id.
        """
        ...

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        """Hold a job or let it go on, and raise the bell. NotFound `no-job`; Rejected 409 `job-ended`.

        `until`: hold it no longer than that, for an export (`Job.held_until`): one that nobody has is due then, and a
        bell does not make it due sooner. A job that an operator holds stays so.
        """
        ...

    # Whoever looks -----------------------------------------------------------------------------------

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        """The job, live or ended; outcomes may be here longer than `KEPT`."""
        ...

    async def jobs(self, address: Address) -> Sequence[Job]:
        """The live ones, in the order of their start."""
        ...

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        """The last that ended, the newest first."""
        ...

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        """Those of this run, closed ones too, by `asked` and id."""
        ...

    async def due(self, address: Address) -> float | None:
        """The earliest `due` of the live jobs that are not held."""
        ...
