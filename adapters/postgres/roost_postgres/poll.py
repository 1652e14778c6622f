"""What nobody holds is looked at by all: agents that are due or rung for, and jobs that are due (docs/pool.md).

A poll takes at most `BATCH` of each, and the next one goes on behind them: agents that can't be run now do not stand
in the way of the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from roost.contract.address import Address
from roost.contract.errors import RoostError

from . import hosts
from .rows import raw

if TYPE_CHECKING:
    from roost.engine.runtime import Runtime
    from roost.ports import Host

    from .access import Access
    from .member import Member

BATCH: Final = 200
OFTEN: Final = 0.25
"""Seconds between polls of a host that holds something, or finds something."""
SELDOM: Final = 2.0
"""The same of one that does neither."""
AGAIN: Final = 2.0
"""Seconds after which jobs that are due still are looked at again."""
SWEEP: Final = 60.0
"""Seconds between two looks for answers that nobody fetched."""
KEPT: Final = 600.0
"""Seconds for which an answer is kept."""
_FREE: Final = (
    "kind=ANY($2::bytea[]) AND (holder IS NULL OR holder=$3 OR NOT EXISTS(SELECT 1 FROM roost.host WHERE id=holder "
    "AND NOT dead))"
)
_DUE: Final = (
    f"SELECT armed,aid,kind,key FROM roost.head WHERE armed<=$1 AND (armed,aid)>($4,$5) AND {_FREE} "
    "ORDER BY armed,aid LIMIT $6"
)
_RUNG: Final = (
    "SELECT aid::float8,aid,kind,key FROM roost.head WHERE rings<>heard AND (aid::float8,aid)>($4,$5) AND "
    f"$1::float8 IS NOT NULL AND {_FREE} ORDER BY roost.head.aid LIMIT $6"
)
_JOBS: Final = (
    "SELECT j.due,j.aid,h.kind,h.key FROM roost.job j JOIN roost.head h USING(aid) WHERE j.due<=$1 AND NOT j.held "
    "AND j.held_until<=$1 AND (j.due,j.aid)>($4,$5) AND h.kind=ANY($2::bytea[]) AND $3::bytea IS NOT NULL "
    "ORDER BY j.due,j.aid LIMIT $6"
)
_START: Final = (float("-inf"), 0)
log = logging.getLogger("roost")


class Poll:
    """Of one host."""

    def __init__(self, access: Access, member: Member, host: Host, runtime: Runtime, kinds: Sequence[str]) -> None:
        self._access = access
        self._member = member
        self._host = host
        self._runtime = runtime
        self._kinds = [raw(kind) for kind in kinds]
        self._places: dict[str, tuple[float, int]] = {}
        self._looked: dict[Address, float] = {}
        """Agents whose jobs were looked at a moment ago: when, monotonic."""
        self._swept = 0.0
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            found = 0
            try:
                if self._member.current.sure():
                    found = await self.once()
                self._said = ""
            except Exception as error:
                self._unread(error)
            pause = OFTEN if found or self._member.current.held else SELDOM
            await asyncio.sleep(pause * (0.5 + self._host.entropy() % 1024 / 1024))

    def _unread(self, error: Exception) -> None:
        """Said once, not each time, until the database is read again; a defect of ours with its traceback."""
        said = f"{type(error).__name__}: {error}"
        if said != self._said:
            self._said = said
            log.error("what is due can't be read: %s", said, exc_info=None if isinstance(error, RoostError) else error)

    async def once(self) -> int:
        """Look once; how many were found."""
        runtime, now = self._runtime, self._host.monotonic()
        due = await self._some(_DUE)
        rung = await self._some(_RUNG)
        for address in {**dict.fromkeys(due), **dict.fromkeys(rung)}:
            if not runtime.retries.pausing(address, now):
                runtime.rouse(address)
        jobs = await self._some(_JOBS) if runtime.has_jobs else []
        self._looked = {address: at for address, at in self._looked.items() if now < at + AGAIN}
        for address in dict.fromkeys(jobs):
            if address not in self._looked and not runtime.closing and runtime.serves(address.kind):
                self._looked[address] = now
                runtime.look_at_jobs(address)
        if now >= self._swept + SWEEP:
            self._swept = now
            edge = self._host.now() - KEPT
            await self._access.write(lambda link: link.execute("DELETE FROM roost.answer WHERE at<$1", edge))
            await self._access.write(lambda link: link.execute(hosts.BURY))
        return len(due) + len(rung) + len(jobs)

    async def _some(self, sql: str) -> list[Address]:
        """The next that the statement finds."""
        place = self._places.get(sql, _START)
        values: tuple[Any, ...] = (self._host.now(), self._kinds, raw(self._member.current.name), *place, BATCH)
        rows = await self._access.rows(sql, *values)
        self._places[sql] = (float(rows[-1][0]), rows[-1][1]) if len(rows) >= BATCH else _START
        return [Address(row[2].decode(), row[3].decode()) for row in rows]
