"""A cell on a host that shares its store: it holds its agent only while it works, and leaves nothing to the background.

The image lives from the claim to the leave. A host that finds the agent held parks its trigger, rings, and waits for
the answer (rule 10). Frames are out before the agent is given back, so a later version can't overtake them.

Doorbells. An agent that was given back and is armed for T has a bell under way that is for T: the bell is sent before
the lease ends, and a commit that moves T does not end it. Of an agent whose holder died that is not known (`Taken`):
the next holder sends one before it gives the agent back, or is found dead itself. So a bell that comes before T needs a
successor only if it is for T, or it is not known for what; one for another time is of a wake that was put off, and
ends. At most one bell is sent each time that T moves, one for each that came early, one for each holder that died.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ...contract.commit import LETTERS, Busy, Commit, Frame, Letter, Snapshot
from ...contract.errors import RoostError, TransientError
from ...contract.result import TickResult, failed
from ...contract.trigger import Disconnect, Trigger
from ..cell import REARM, Cell
from ..crossing import crossed, crosses
from ..due import letter_waiting
from ..guest_codec import answer_of, answer_to, path_of
from ..mailbox import Waiting
from ..replies import reply_frames
from ..room import room
from .parked_frames import connection
from .renewal import Renewal

if TYPE_CHECKING:
    from ...author.kind import Kind
    from ...contract.address import Address
    from ...ports import Future, Leases, Timer
    from ...tick.tick import Tick
    from ..cell import Work
    from ..shared import Shared
    from .parked_frames import ParkedFrames

LINGER: Final = 1.0
"""Seconds for which a host runs letters of other hosts after its own trigger came; then the doorbell's host does."""
CROSSINGS: Final = 0.7
"""Seconds between looks for asks that cross, of an agent that waits for another."""
TURNED: Final = 0.03
"""Seconds for which an agent that was found held is not asked for again."""


class Tenure(Cell):
    """See the file's head."""

    __slots__ = (
        "answers",
        "away",
        "belled",
        "dropped",
        "failed",
        "guests",
        "heard",
        "jumbled",
        "landed",
        "lines",
        "lookout",
        "renewal",
        "rests",
        "shown",
        "stay",
        "tries",
        "unsent_bell",
    )  # fmt: skip
    leases: Leases

    def __init__(self, runtime: Shared, kind: Kind, address: Address, work: Work) -> None:
        super().__init__(runtime, kind, address, work)
        self.stay = 0.0
        """Until when letters of other hosts are run; monotonic, as `away`."""
        self.dropped = False
        """Letters were left for the next host."""
        self.failed = False
        """What the store keeps could not be run here: it waits for the bell of its next try."""
        self.answers: list[tuple[int, TickResult]] = []
        """What guests came to that no commit says."""
        self.lookout: Timer | None = None
        """Looks for asks that cross, while there is one of the running tick."""
        self.rests: list[Future[None]] = []
        self.landed: Future[None] | None = None
        """The pump waits for envelopes under way."""
        self.guests = 0
        """Triggers parked from here that are waited for, and refusals being sent."""
        self.lines: dict[str, ParkedFrames] = {}
        """Connections of which frames are parked from here, and not answered yet."""
        self.jumbled: set[str] = set()
        """Connections of which a parked frame was not run at its turn."""
        self.away = 0.0
        self.tries = 0
        self.renewal = Renewal(self.leases, address, runtime.host, runtime.log)
        self.shown = 0
        """The last version whose frames this host let out: a tick ends when they are."""
        self.belled: float | None = None
        """The wake for which a doorbell is under way; None: for none that is known."""
        self.unsent_bell: tuple[float, bool] | None = None
        """A doorbell to be sent before the agent is given back: see `Leases.wake`."""
        self.heard: list[float | None] = []
        """Of the doorbells since the last look: the wake that each is for; 0: for none; None: not known."""

    # Taking and giving back --------------------------------------------------------------------------

    async def fetch(self) -> Snapshot | Busy:
        """Take the agent, or learn who has it."""
        now = self.runtime.host.monotonic()
        if now < self.away:
            return Busy(self.runtime.host.now() + self.away - now)
        found = await self.runtime.store.load(self.address, self.leases.lease())
        if isinstance(found, Busy):
            self.away = now + TURNED
        else:
            self.tries = 0
            await self.took(found)
            if found.released < self.shown <= found.version:  # what this host let out it need not let out again
                found = replace(found, released=self.shown)
        return found

    async def took(self, found: Snapshot) -> None:
        """The agent is this host's now."""
        if found.taken == "given":
            self.belled = found.armed
        elif found.taken == "dead":
            self.belled = None
            self._set_bell(found.armed)
        elif found.armed is not None and found.armed > self.runtime.host.now():
            self._set_bell(found.armed)
        self.renewal.begin()

    async def insist(self) -> None:
        """A trigger that can't be parked waits for the agent."""

    def quarantined(self) -> None:
        image = self.image
        if image is None:
            return
        for letter in image.letters.values():  # hosts wait for the answers of these; tells stay parked
            if letter.forwarded is not None and letter.n not in self.queued:
                self.queued.add(letter.n)
                self.mailbox.put(letter_waiting(self.kind, letter, self.runtime.host))

    # Running -----------------------------------------------------------------------------------------

    # What leaves -------------------------------------------------------------------------------------

    def seal(self, tick: Tick, waiting: Waiting, commit: Commit, error: RoostError | None, value: Any) -> None:
        """What a commit says besides: a guest's answer, and that this host is done."""
        image = self.image
        assert image is not None
        if waiting.parked_as:
            commit.consumed, commit.answer = waiting.parked_as, answer_to(commit.version, error, value)
        busy = (
            len(self.mailbox) or self.look or self.naps or self.flight or self.settled or self.lives or self.answers
            or image.connections or image.outbox or commit.connections or commit.outbox or tick.frames
            or tick.hangups or commit.deferred
        )  # fmt: skip
        if not busy and image.waiting <= (commit.consumed is not None) and waiting.trigger.kind != "start":
            commit.yield_lease = True
            commit.released = commit.version

    def unbelled(self, commit: Commit) -> bool:
        at = commit.armed
        return self.unsent_bell is not None or (at is not None and (at != self.belled or at <= commit.at))

    def finish(self, waiting: Waiting, result: TickResult) -> None:
        n = waiting.parked_as
        if n:
            self.queued.discard(n)
            image = self.image
            if (n in image.letters) if image is not None else not isinstance(result.error, TransientError):
                self.answers.append((n, result))
            elif image is None:
                self.jumble(waiting)
        super().finish(waiting, result)

    def jumble(self, waiting: Waiting) -> None:
        """A guest stays parked though its turn came."""
        if cid := connection(waiting.trigger):
            self.jumbled.add(cid)

    def refuse(self, waiting: Waiting, error: RoostError) -> None:
        self.reply(waiting, result := failed(error))
        self.finish(waiting, result)

    def reply(self, waiting: Waiting, result: TickResult) -> None:
        """The replies that no release says."""
        out: list[Frame] = []
        reply_frames(waiting, result, out)
        if out:
            self.guests += 1
            self.runtime.host.spawn(self._say(out))

    async def _say(self, out: list[Frame]) -> None:
        try:
            await self.runtime.send_late(self.address, out)
        finally:
            self.guests -= 1
            self.rested()

    def overtaken(self) -> bool:
        if self.leases.sure(self.address):
            return False
        self.leases.lost(self.address)  # the host that loads it next sends the state, and the doorbell brings one
        self.dropped = True
        return True

    def replies(self, waiting: Waiting) -> bool:
        return not (waiting.parked_as and self.overtaken())  # the host that has the agent replies, or did

    def vanished(self, cid: str) -> None:
        """The wire found a connection gone."""
        image = self.image
        if image is not None and cid in image.connections and cid not in self.queued:
            self.queued.add(cid)
            self.mailbox.put(Waiting(Trigger("disconnect", Disconnect(cid), source="admin")))

    def undelivered(self, failures: int) -> bool:
        """Its envelopes stay in the outbox, and the alarm is near."""
        return failures >= 2

    async def park(self, letter: Letter, armed: float) -> None:
        """Make a letter durable; the holder of the agent is rung, without one a doorbell is sent."""
        later = letter.next > self.runtime.host.now()
        kept, until = await self.leases.post(
            self.address,
            letter,
            room(letter, self.runtime.limits.mailbox, named=self.runtime.named),
            armed if later else None,
        )
        if not until and kept.next <= self.runtime.host.now():
            await self.leases.call(self.address, 0.0)

    # Doorbells ---------------------------------------------------------------------------------------

    async def arm(self, at: float | None) -> None:
        """Be rung for then, once the agent is given back."""
        self.armed = at
        self._set_bell(at)

    def _set_bell(self, at: float | None) -> None:
        """A bell whose time has come is spent, and one for the same instant may have rung long ago."""
        self.unsent_bell = None if at is None or (at == self.belled and at > self.runtime.host.now()) else (at, True)

    async def rearm_later(self) -> None:
        """A wake failed: be rung in a while, and less and less often. The bell of a pause that lasts is under way."""
        retries, host = self.runtime.retries, self.runtime.host
        now = host.monotonic()
        if not retries.pausing(self.address, now):
            self.armed = host.now() + retries.failed(self.address, now)
            self.unsent_bell = self.armed, False

    def rearm_soon(self) -> None:
        """What is under way takes long."""
        self.armed = self.runtime.host.now() + REARM
        self.unsent_bell = self.armed, False

    def hear(self, wake: float | None) -> None:
        """A doorbell rang, for that wake; 0: for none; None: not known. A look must follow."""
        self.heard.append(wake)

    def _next(self) -> tuple[float, bool] | None:
        """The doorbell to send now. Commits since may have moved the wake, and those that are no tick's set none."""
        image, unsent_bell = self.image, self.unsent_bell
        if image is None or self.status != "awake":
            return unsent_bell
        at = image.armed
        if unsent_bell is None:
            if at is not None and at > self.runtime.host.now():
                self._set_bell(at)
        elif unsent_bell[1] and unsent_bell[0] != at:
            self._set_bell(at)
        return self.unsent_bell

    async def bell(self) -> bool:
        """Send the doorbell that is due; False: it could not be sent, and is due still."""
        while (unsent_bell := self._next()) is not None:
            at, known = unsent_bell
            try:
                await self.leases.wake(self.address, at, known)
            except RoostError as error:  # what is committed stays so; the next holder rings, or the sweeper
                self.runtime.log.warning("%s: its alarm could not be set: %s", self.address, error.message)
                return False
            if known:
                self.belled = at
            if self.unsent_bell is unsent_bell:
                self.unsent_bell = None
        return True

    # Asks that cross ---------------------------------------------------------------------------------

    def asking(self, to: str) -> None:
        super().asking(to)
        if self.lookout is None:
            self.lookout = self.runtime.host.spawn(self._look_out())

    def asked(self, to: str) -> None:
        super().asked(to)
        if not self.asks and self.lookout is not None:
            self.lookout.cancel()
            self.lookout = None

    async def _look_out(self) -> None:
        """While the tick waits for other agents: refuse who waits here for their sake, wherever it was parked."""
        me = str(self.address)
        while True:
            await self.runtime.host.sleep(CROSSINGS)
            try:
                for letter in await self.runtime.store.parked(self.address, 0, LETTERS):
                    path = path_of(letter)
                    if path and crosses(me, self.asks, path):
                        await self.leases.answer(self.address, letter.n, answer_of(failed(crossed(me, path))))
                        self._answered(letter.n)
            except RoostError:
                continue

    def _answered(self, n: int) -> None:
        """The guest is no more."""
        self.mailbox.withdraw(lambda one: one.parked_as == n)
        self.queued.discard(n)
        image = self.image
        if image is not None and image.drop(n):
            image.waiting -= 1

    # Being done --------------------------------------------------------------------------------------

    def forget(self) -> None:
        if self.image is not None and self.leases.holds(self.address):
            self.shown = self.image.version
        super().forget()

    def kick(self, *, eager: bool = False) -> None:
        if self.landed is not None and not self.landed.done():
            self.landed.set_result(None)
        super().kick(eager=eager)

    def ended(self) -> None:
        """The pump is over."""
        self.jumbled.clear()
        self.failed = False
        self.rested()

    def rested(self) -> None:
        """Something is over: those that wait until nothing is under way may go on."""
        if self.idle:
            rests, self.rests = self.rests, []
            for one in rests:
                if not one.done():
                    one.set_result(None)

    async def quiet(self) -> None:
        """Until nothing runs, waits or is under way."""
        while not self.idle:
            future: Future[None] = self.runtime.host.future()
            self.rests.append(future)
            await future

    @property
    def idle(self) -> bool:
        return not self.guests and super().idle

    def linger(self, until: float) -> None:
        """Run letters of other hosts until then, at least."""
        self.stay = max(self.stay, until)
