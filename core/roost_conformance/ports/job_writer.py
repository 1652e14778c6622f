"""What journal cases write with: an agent that starts jobs, and executors of one of them."""

from __future__ import annotations

from typing import Any

from roost.contract.commit import Busy
from roost.contract.job import Claim, Claimed, Job, JobEnd, JobStart, LiveJob, Note, Question
from roost.ports import Store

from .commit_writer import START, STATE, CommitWriter

LONG = START + 100_000.0
"""A deadline that no case reaches."""


class JobWriter(CommitWriter):
    """An agent with jobs. Its executors' clocks are what each call says."""

    def __init__(self, store: Store, kind: str, key: str = "a") -> None:
        super().__init__(store, f"job-{kind}", key)
        self.journal = store.journal

    def live(self, name: str = "work", **changes: Any) -> LiveJob:
        """The next commit's first job, unless its uid is given."""
        given: dict[str, Any] = {
            "uid": f"{self.version + 1}.0", "key": None, "name": name, "fingerprint": bytes(range(16)),
            "started": self.at + 1.0, "deadline": LONG, "source": "client", "principal": "me",
        }  # fmt: skip
        return LiveJob(**{**given, **changes})

    async def start(self, args: bytes = b'{"args":[1]}', **changes: Any) -> str:
        """A commit that starts one job; its uid."""
        live = self.live(**changes)
        await self.write(state=STATE, jobs=(JobStart(live, args),))
        return live.uid

    async def end(self, uid: str, outcome: bytes = b'{"value":1}') -> None:
        await self.write(jobs=(JobEnd(uid, outcome),))

    async def claim(self, uid: str, owner: str = "one", now: float = START, lasts: float = 30.0) -> Claimed:
        """The job is free, or its claim is over by the clock `now`."""
        found = await self.journal.claim(self.address, uid, owner, now, now + lasts)
        assert isinstance(found, Claimed), found
        return found

    async def busy(self, uid: str, owner: str, now: float) -> float:
        """Until when another has it."""
        found = await self.journal.claim(self.address, uid, owner, now, now + 30.0)
        assert isinstance(found, Busy), found
        return found.until

    async def job(self, uid: str) -> Job:
        """A live one."""
        found = await self.journal.job(self.address, uid)
        assert isinstance(found, Job), found
        return found

    async def append(self, claim: Claim, *rows: bytes, after: int = 0) -> None:
        """Rows at the positions after `after`."""
        for position, data in enumerate(rows, after + 1):
            assert await self.journal.append(claim, position, data), position

    async def data(self, uid: str, after: int = 0) -> list[bytes]:
        """All rows, page by page."""
        found: list[bytes] = []
        while page := await self.journal.rows(self.address, uid, after):
            assert [line.position for line in page] == list(range(after + 1, after + len(page) + 1))
            found += [line.data for line in page]
            after += len(page)
        return found


def signal(id: str, **changes: Any) -> Note:
    given: dict[str, Any] = {
        "id": id, "kind": "signal", "name": "go", "data": b'{"n":1}', "at": START, "source": "client",
        "principal": "me",
    }  # fmt: skip
    return Note(**{**given, **changes})


def answer(question: str, id: str, **changes: Any) -> Note:
    return signal(id, **{"kind": "answer", "name": question, **changes})


def question(id: str, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "id": id, "name": "Approval", "data": b'{"prompt":"Spend 5?"}', "asked": START, "expires": START + 60.0,
    }  # fmt: skip
    return Question(**{**given, **changes})
