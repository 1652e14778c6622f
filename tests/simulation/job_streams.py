"""What jobs say in the simulation, and its readers (rule 44).

A step says its name and the token of its run twice. So of each step that has a value a stream holds, once all that is
void is taken out, what that one run said and nothing else; and each reader, wherever it was cut off, has the same.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.errors import NotFound, RoostError
from roost.contract.job import Claim
from roost.contract.stream import DEFAULT, START, StreamLine, cursor, read

if TYPE_CHECKING:
    from .job_model import JobModel
    from .world import World

READ = 0.7
"""Share of the jobs that somebody reads."""
PATIENCE = 120.0
"""Seconds that readers get when nothing goes wrong any more."""
Said = list[tuple[int, str, list[Any]]]
"""Offset, step and item."""


class Streams:
    """Told of each row that a store took, of starts and of ends."""

    def __init__(self, world: World, model: JobModel, rng: Random) -> None:
        self.world = world
        self.model = model
        self.rng = rng
        self.rows: dict[tuple[Address, str], dict[int, StreamLine]] = {}
        self.readers: dict[tuple[Address, str], asyncio.Task[None]] = {}

    def stored(self, claim: Claim, line: StreamLine) -> None:
        """The store says that a row is there."""
        rows = self.rows.setdefault((claim.address, claim.uid), {})
        known = rows.get(line.first)
        if known is not None and known != line:
            self.model.broken("stream-fence", f"{claim.address} {claim.uid}: two rows at the offset {line.first}")
        if known is None and line.first != max((x.last for x in rows.values()), default=0) + 1:
            self.model.broken("stream-fence", f"{claim.address} {claim.uid}: the row at {line.first} is out of place")
        rows[line.first] = line

    def began(self, address: Address, uid: str) -> None:
        if self.rng.random() < READ:
            which = address, uid
            self.readers[which] = asyncio.get_running_loop().create_task(self._follow(address, uid))

    def gone(self, address: Address) -> None:
        """Its agent is destroyed, or moves: what jobs said does not come along."""
        for which in [which for which in self.rows if which[0] == address]:
            del self.rows[which]

    def over(self, address: Address, uid: str) -> None:
        """Its end is committed."""
        by_name: dict[str, list[tuple[str, int]]] = {}
        for _, _, (name, token, part) in self.kept(address, uid):
            by_name.setdefault(name, []).append((token, part))
        for name, said in by_name.items():
            whole = [(said[0][0], part) for part in range(2)]
            if said != whole[: len(said)]:
                self.model.broken("stream", f"{address} {uid}: of {name} there is {said}, of more than one run")
            token = self.model.recorded.get(name)
            if token is not None and token not in ("failed", said[0][0]):
                self.model.broken("stream", f"{address} {uid}: {name} returned {token}, and {said} is kept of it")
            if token == said[0][0] and said != whole:
                self.model.broken("stream", f"{address} {uid}: {name} returned {token}, and {said} is all that is kept")

    def kept(self, address: Address, uid: str) -> Said:
        """What the stored rows say."""
        rows = self.rows.get((address, uid), {})
        entries = [entry for first in sorted(rows) for entry in read(rows[first]).entries]
        said: Said = []
        for entry in entries:
            said = heard(said, entry.offset, entry.kind, entry.step, from_json(entry.data))
        return said

    # Readers -----------------------------------------------------------------------------------------

    async def _follow(self, address: Address, uid: str) -> None:
        place, said, over = START, Said(), False
        note = self.model.history.note
        while not over:
            await asyncio.sleep(self.rng.choice([0.0, 0.1, 0.5, 3.0]) * self.rng.random())
            try:
                machine = self.world.one()
                reader = machine.runtime.job_desk().reader(address, uid, DEFAULT, place)
                for _ in range(self.rng.randint(1, 5)):
                    for one in await self.world.over(machine, reader.some()):
                        note("said", f"{address} {uid} {one.kind} {one.cursor}")
                        doc = from_json(one.data)
                        if over:
                            self.model.broken("stream-end", f"{address} {uid}: {one.kind} after the end")
                        over = one.kind == "end"
                        place = cursor(one.cursor)
                        item: Any = doc if one.kind == "reset" else doc.get("item")
                        said = heard(said, place.offset, one.kind, str(doc.get("step", "")), item)
                    if over or self.rng.random() < 0.3:
                        break
                    await self.world.over(machine, reader.wait(self.rng.random()))
            except NotFound:
                return  # it went with its agent
            except RoostError:
                continue
        if (address, uid) not in self.model.live and said != (kept := self.kept(address, uid)):
            self.model.broken("stream-reader", f"{address} {uid}: a reader has {said}, stored is {kept}")

    async def judge(self) -> None:
        """Nothing goes wrong any more: readers of jobs that have ended come to the end."""
        waiting = [task for task in self.readers.values() if not task.done()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=PATIENCE)
            names = [f"{which[0]} {which[1]}" for which, task in self.readers.items() if task in late]
            for task in late:
                task.cancel()
            if late:
                self.model.broken("stream-end", f"readers of {names} are not told the end")
        for task in self.readers.values():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error


def heard(said: Said, offset: int, kind: str, step: str, data: Any) -> Said:
    """What a reader has, once it heard one thing more."""
    if kind == "item":
        return [*said, (offset, step, data)]
    if kind == "reset":
        return [x for x in said if x[0] < data["void_from"] or step not in ("", x[1])]
    return said
