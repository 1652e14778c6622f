"""Connections that follow a stream of a job: told by whatever host runs its steps (rule 44).

A follower is a row of the job, written before anything is read, so that whoever runs the job next knows of it. It may
be told something twice, by the host of its socket and by the job's: a cursor that is not above the last one says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic_core import to_json

from ...contract.commit import Frame
from ...contract.errors import NotFound, RoostError
from ...contract.stream import Follower, cursor
from .reading import Reader, Told

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...ports import Host, Store, Timer, Wire
    from .streaming import Streams

FRAME: Final = 96 * 1024
"""Bytes of entries in one frame, about; a larger item has a frame of its own."""
PACE: Final = 0.05
"""Seconds between two frames: what is said meanwhile goes together."""
IDLE: Final = 2.0
"""Seconds after which a follower of a job that waits is left to whoever goes on with it."""
LOOK: Final = 1.0
TRIES: Final = 10
Local = Callable[[], "Streams | None"]
Which: TypeAlias = "tuple[Address, str, str, str]"
"""Agent, job, connection, stream."""


class Following:
    """Of one host."""

    def __init__(self, host: Host, store: Store, wire: Wire) -> None:
        self._host = host
        self._journal = store.journal
        self._wire = wire
        self._tasks: dict[Which, Timer | None] = {}
        self._turns: dict[Which, int] = {}
        """Which of the tasks of a follower is the one that counts."""
        self._turn = 0

    def begin(self, address: Address, uid: str, who: Follower, local: Local, *, anew: bool = True) -> None:
        """Tell a follower from here on. `anew`: it asked again, and is told from its new place."""
        which = address, uid, who.cid, who.name
        if which in self._tasks and not anew:
            return
        self.end(*which)
        self._turn += 1
        self._turns[which] = turn = self._turn
        self._tasks[which] = None
        task = self._host.spawn(self._through(which, turn, who, local))
        if self._turns.get(which) == turn:  # a host may run it to its end at once
            self._tasks[which] = task

    def end(self, address: Address, uid: str, cid: str, name: str) -> None:
        """It wants no more, or is told no more from here."""
        which = address, uid, cid, name
        self._turns.pop(which, None)
        task = self._tasks.pop(which, None)
        if task is not None:
            task.cancel()

    async def rest(self, address: Address, uid: str, seconds: float) -> None:
        """Wait until nobody is told of this job, so many seconds at most; then nobody is."""
        edge = self._host.monotonic() + seconds
        while here := [which for which in self._tasks if which[:2] == (address, uid)]:
            if self._host.monotonic() >= edge:
                for which in here:
                    self.end(*which)
                return
            await self._host.sleep(PACE)

    async def _through(self, which: Which, turn: int, who: Follower, local: Local) -> None:
        try:
            await self.tell(which[0], which[1], who, local)
        finally:
            if self._turns.get(which) == turn:
                del self._turns[which], self._tasks[which]

    async def tell(self, address: Address, uid: str, who: Follower, local: Local, *, once: bool = False) -> str:
        """Until the end, until it is gone, or as long as somebody has the job. `once`: what there is. The place."""
        reader = Reader(self._host, self._journal, local, address, uid, who.name, cursor(who.after))
        heard, failures = self._host.monotonic(), 0
        while not reader.over:
            if who.expires is not None and who.expires <= self._host.now():
                break
            try:
                some = await reader.some()
                failures = 0
            except NotFound as error:
                await self.send(address, who.cid, refused(uid, who.name, error))
                break
            except RoostError:
                failures += 1
                if failures == TRIES or once:
                    break
                await self._host.sleep(LOOK)
                continue
            if some:
                heard = self._host.monotonic()
                for data in said(uid, who.name, some):
                    if not await self.send(address, who.cid, data):
                        await self._journal.unfollow(address, uid, who.cid, who.name)
                        return str(reader.place)
                await self._host.sleep(PACE)
            elif once or (reader.idle and self._host.monotonic() - heard >= IDLE):
                break
            else:
                await reader.wait(LOOK)
        return str(reader.place)

    async def send(self, address: Address, cid: str, data: bytes) -> bool:
        """False: it is gone."""
        try:
            return cid not in await self._wire.send(address, [Frame((cid,), data)], 0)
        except RoostError:
            return False


def said(uid: str, name: str, told: list[Told]) -> list[bytes]:
    """Frames of what a follower is told."""
    head = b'{"type":"roost_job","kind":"said","job":%b,"stream":%b,"entries":[' % (to_json(uid), to_json(name))
    out: list[bytes] = []
    some: list[bytes] = []
    size = 0
    for one in told:
        entry = b'{"kind":%b,"cursor":%b,"data":%b}' % (to_json(one.kind), to_json(one.cursor), one.data)
        if some and size + len(entry) > FRAME:
            out.append(b"%b%b]}" % (head, b",".join(some)))
            some, size = [], 0
        some.append(entry)
        size += len(entry)
    out.append(b"%b%b]}" % (head, b",".join(some)))
    return out


def following(asked: str, uid: str, name: str) -> bytes:
    """The first frame of a follower: which job was meant."""
    return to_json({"type": "roost_job", "kind": "following", "asked": asked, "job": uid, "stream": name})


def refused(job: str, name: str, error: RoostError) -> bytes:
    return to_json({
        "type": "roost_job", "kind": "refused", "job": job, "stream": name, "error": error.message,
        "code": error.code, "status": error.status,
    })  # fmt: skip
