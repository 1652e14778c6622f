"""A cell on a host of a pool: what it takes it keeps, in memory too, as long as the host is sure of itself.

No lease of an agent is renewed: its host's beat stands for all of them. The agent is given back when it was idle for a
while, when its host ends, or when another asks for it. Whoever finds it held parks, and rings; the holder reads the
mailbox again, arms the agent for what it found, and only then takes the ring for heard: a holder that dies in between
leaves a ring that the others see. So there are no doorbells: timers of the holder's own, and a look of the others at
what is due, or rung for, and held by nobody who lives.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from ...contract.commit import LETTERS
from ...contract.errors import RoostError, TransientError
from ..cell import Cell
from ..guest_codec import answer_to
from ..leased.tenure import Tenure
from ..room import room
from ..trouble import note

if TYPE_CHECKING:
    from ...author.kind import Kind
    from ...contract.address import Address
    from ...contract.commit import Commit, Letter, Snapshot
    from ...ports import Holds
    from ...tick.image import Image
    from ...tick.tick import Tick
    from ..cell import Work
    from ..mailbox import Waiting
    from ..shared import Shared

FOR_EVER: Final = float("inf")


class Held(Tenure):
    """See the file's head."""

    __slots__ = ("leaving", "ticket", "unheard")

    def __init__(self, runtime: Shared, kind: Kind, address: Address, work: Work) -> None:
        super().__init__(runtime, kind, address, work)
        self.stay = FOR_EVER
        self.leaving = False
        """It is to be given back once nothing waits."""
        self.ticket = 0
        """The highest number of a letter that is known here."""
        self.unheard = False
        """It was taken: whoever rang before is to be heard."""

    @property
    def holds(self) -> Holds:
        return cast("Holds", self.leases)

    # Taking and giving back --------------------------------------------------------------------------

    async def took(self, found: Snapshot) -> None:
        self.leaving = False
        self.ticket = max((letter.n for letter in found.letters), default=0)
        self.unheard = True
        self.parking.consumed(None)  # of letters on their way another holder may have run some: the store knows
        if found.armed is not None and found.armed > self.runtime.host.now():
            await Cell.arm(self, found.armed)

    def unsure(self) -> bool:
        """Another host may have taken it: what is in memory is nobody's any more."""
        if self.leases.sure(self.address):
            return False
        self.leases.lost(self.address)
        self.forget()
        return True

    def committed(self) -> Image | None:
        return self.image if self.leases.sure(self.address) else None

    def retire(self) -> bool:
        if not self.leases.holds(self.address):
            return True
        self.leaving = True
        self.kick()
        return False

    async def insist(self) -> None:
        with suppress(RoostError):  # it insists until its deadline
            await self.holds.request(self.address)

    # What leaves -------------------------------------------------------------------------------------

    def seal(self, tick: Tick, waiting: Waiting, commit: Commit, error: RoostError | None, value: Any) -> None:
        if waiting.parked_as:
            commit.consumed, commit.answer = waiting.parked_as, answer_to(commit.version, error, value)

    async def park(self, letter: Letter, armed: float) -> None:
        runtime = self.runtime
        most = room(letter, runtime.limits.mailbox, named=runtime.named)
        try:
            kept, until = await self.leases.post(self.address, letter, most, armed)
        except TransientError as error:
            note(runtime.log, self.address, letter.action, error)
            if self.image is not None:
                self.doubt()  # it may wait there after all
            raise
        if self.leases.holds(self.address):
            if kept.n > self.ticket + 1:  # there are others, which came first
                self.alarm()
                return
            self.ticket = max(self.ticket, kept.n)
            self.put_letter(kept)
            sooner = self.armed is not None and runtime.host.now() < self.armed < armed
            await self.arm(self.armed if sooner else armed)
        elif not until:
            await self.leases.call(self.address, max(0.0, kept.next - runtime.host.now()))

    def undelivered(self, failures: int) -> bool:
        """It stays here, and so do its envelopes; only once it leaves the next holder has them."""
        return self.leaving and super().undelivered(failures)

    # Timers ------------------------------------------------------------------------------------------

    def unbelled(self, commit: Commit) -> bool:
        return False

    async def arm(self, at: float | None) -> None:
        await Cell.arm(self, at)

    async def bell(self) -> bool:
        """Nothing is owed: the others look at what is armed."""
        return True

    async def rearm_later(self) -> None:
        await Cell.rearm_later(self)

    # Who rang ----------------------------------------------------------------------------------------

    async def catch_up(self, image: Image) -> None:
        """Take up what others have parked, and arm the agent for it. RoostError: the ring stands."""
        store, now = self.runtime.store, self.runtime.host.now()
        rings = await self.holds.rings(self.address)
        found = await store.parked(self.address, 0, LETTERS)
        fresh = [letter for letter in found if letter.n not in image.letters]
        if fresh and (image.more or len(found) >= LETTERS):  # they come with a load, once those before them are done
            image.waiting = max(image.waiting, len(image.letters) + len(fresh))
        else:
            for letter in fresh:
                image.keep(letter)
                image.waiting += 1
                self.ticket = max(self.ticket, letter.n)
        if found:  # the column says nothing of letters that came since the last commit, loaded or not
            before, image.due = image.armed, image.earliest()
            armed = image.settle((), now)
            if armed is not None and (before is None or armed < before):
                await store.arm(self.address, armed)
            else:
                image.armed = before
        await self.holds.heard(self.address, rings)
