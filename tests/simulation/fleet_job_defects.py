# pyright: reportPrivateUsage=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# A patch of the inside of the product reaches into it, and takes what it wraps as it comes.
"""Deliberate defects of jobs on hosts that share a table: its journal, its bells, its sweeper."""

from __future__ import annotations

from typing import Any, Final

import pytest

from roost.contract.job import Claim
from roost_lambda import job_items
from roost_lambda.client import Item
from roost_lambda.journal import DynamoJournal

from .mutation import Mutation
from .worker import HostBells


def _believes(m: pytest.MonkeyPatch) -> None:
    """An executor takes the row that stands in its place for its own."""
    whole = DynamoJournal.put

    async def put(self: DynamoJournal, claim: Claim, item: Item) -> bool:
        await whole(self, claim, item)
        return True

    m.setattr(DynamoJournal, "put", put)


def _over_another(letter: str) -> Any:
    def patch(m: pytest.MonkeyPatch) -> None:
        """A row is written over whatever stands in its place."""
        whole = DynamoJournal.put

        async def put(self: DynamoJournal, claim: Claim, item: Item) -> bool:
            if not item["sk"]["S"].startswith(letter):
                return await whole(self, claim, item)
            await self.table.call("put_item", Item=item)
            return True

        m.setattr(DynamoJournal, "put", put)

    return patch


def _unswept(m: pytest.MonkeyPatch) -> None:
    """The sweeper does not know jobs."""

    async def left_behind(self: DynamoJournal, item: Item) -> bool:
        return True

    m.setattr(DynamoJournal, "left_behind", left_behind)


def _no_due(m: pytest.MonkeyPatch) -> None:
    """Whoever starts a job does not put it into the index of wakes, and its bell is lost."""
    whole = job_items.born

    def born(*given: Any) -> list[Item]:
        first, *rest = whole(*given)
        return [{name: x for name, x in first.items() if name not in ("wk", "wt")}, *rest]

    m.setattr(job_items, "born", born)


def _unrung(m: pytest.MonkeyPatch) -> None:
    """The bell of a job whose time has come is not sent, and the sweeper does not know jobs."""

    async def ring_job(self: HostBells, bell: Any, delay: float) -> None: ...

    m.setattr(HostBells, "ring_job", ring_job)
    _unswept(m)


FLEET_JOBS: Final = (
    Mutation("an executor takes the row of another for its own", _believes, "dynamo", first=18, jobs=True),
    Mutation("a row of a journal is written over another's", _over_another("G#"), "dynamo", first=18, jobs=True),
    Mutation(
        "a row of a stream is written over another's", _over_another("R#"), "dynamo", first=64, jobs=True, streams=True
    ),
    Mutation("the sweeper does not know jobs", _unswept, "dynamo", first=45, jobs=True),
    Mutation("a job that is born is not in the index of wakes", _no_due, "dynamo", jobs=True),
    Mutation("nobody rings for a job that waits", _unrung, "dynamo", jobs=True),
)
