"""A cell on a host that shares its store: it holds its agent only while it works, and leaves nothing to the background.

The image lives from the claim to the leave. Who finds the agent held parks what it has, rings, and waits for the
answer (rule 10). Frames are out before the agent is given back, so a later version can't overtake them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ...contract.commit import LETTERS, Busy, Commit, Frame, Letter, Snapshot
from ...contract.errors import Quarantined, RoostError, TransientError
from ...contract.result import TickResult, failed
from ...contract.trigger import Disconnect, Occurrence, Trigger
from ...tick.image import Image
from ..cell import REARM, Cell
from ..crossing import crossed, crosses
from ..due import letter_waiting
from ..guest_codec import answer_of, answer_to, path_of
from ..inbox import room
from ..mailbox import Waiting
from ..quarantine import disarm
from ..replies import reply_frames
from .guests import Line, connection, visit
from .renewal import Keeper

if TYPE_CHECKING:
    from ...author.kind import Kind
    from ...contract.address import Address
    from ...ports import Future, Leases, Timer
    from ...tick.tick import Tick
    from ..runtime import Runtime

LINGER: Final = 1.0
"""Seconds a host goes on for others after its own trigger came; then the doorbell's host takes over."""
DECLINES: Final = 8
"""Times that who rings meanwhile is still told that the agent can't be loaded; then the agent is given back."""
CROSSINGS: Final = 0.7
"""Seconds between looks for asks that cross, of an agent that waits for another."""
TURNED: Final = 0.03
"""Seconds for which an agent that was found held is not asked for again."""


class Tenant(Cell):
    """See the file's head."""

    __slots__ = (
        "answers", "away", "dropped", "keeper", "landed", "lines", "lookout", "rests", "shown", "stay", "told", "tries",
        "visits", "was",
    )  # fmt: skip
    leases: Leases

    def __init__(self, runtime: Runtime, kind: Kind, address: Address) -> None:
        super().__init__(runtime, kind, address)
        self.stay = 0.0
        """Until when letters of others are run; monotonic, as `away`."""
        self.dropped = False
        """Letters were left for the next host."""
        self.answers: list[tuple[int, TickResult]] = []
        """What guests came to that no commit says."""
        self.lookout: Timer | None = None
        """Looks for asks that cross, while there is one of the running tick."""
        self.rests: list[Future[None]] = []
        self.landed: Future[None] | None = None
        """The pump waits for envelopes under way."""
        self.visits = 0
        """Triggers parked from here that are waited for, and refusals being sent."""
        self.lines: dict[str, Line] = {}
        """Connections of which frames are parked from here, and not answered yet."""
        self.away = 0.0
        self.tries = 0
        self.keeper = Keeper(self)
        self.shown = 0
        """The last version whose frames this host let out: a tick ends when they are."""
        self.was: float | None = None
        """What the platform is armed for: the column as this host first found it, since the platform was last told."""
        self.told = True

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
            if self.told:  # else the column is this host's own, of which the platform does not know yet
                self.was, self.told = found.armed, False
            if found.released < self.shown <= found.version:  # what this host let out it need not let out again
                found = replace(found, released=self.shown)
            self.keeper.begin()
        return found

    async def glance(self) -> Image:
        """The agent as committed, taking no lease."""
        return Image(await self.runtime.snapshot(self.address))

    async def rest(self) -> bool:
        """Nothing waits any more: give the agent back; False = something came up meanwhile."""
        leases, address = self.leases, self.address
        if self.flight:
            self.landed = self.runtime.host.future()
            await self.landed
            self.landed = None
            return False
        if not leases.holds(address):
            self.forget()
            if self.dropped:
                self.dropped = False
                await self._call()
            return self._done()
        image = self.image
        if image is None and not self.dropped:
            await self._retake()
            return False
        try:
            if image is None:  # reading it again would bring back what was dropped
                await self._hand_over(self.shown)
                return self._done()
            late = self.dropped or self.runtime.host.monotonic() >= self.stay
            if not self.dropped and await leases.leave(address, image.waiting > 0, image.version, False):
                self.forget()
                return self._done()
            if leases.holds(address) and not late:
                await self._gather(image)
                return False
            await self._hand_over(image.version)
        except RoostError as error:
            self.runtime.log.warning("%s: could not be given back: %s", address, error.message)
            leases.lost(address)
        self.forget()
        return self._done()

    async def _hand_over(self, released: int) -> None:
        """Leave letters to another host. A doorbell before would find the agent held; should this host die before it
        rings, the one that each first letter sent for the lease's end does."""
        self.dropped = False
        await self.leases.leave(self.address, True, released, True)
        await self._call()

    async def _call(self) -> None:
        try:
            await self.leases.call(self.address, 0.0)
        except RoostError as error:  # the bell is on: its own doorbell comes later
            self.runtime.log.warning("%s: no doorbell: %s", self.address, error.message)

    def _done(self) -> bool:
        return not (len(self.mailbox) or self.look or self.settled or self.flight)

    async def _retake(self) -> None:
        """The image was dropped, the lease not: read it again, for what it owes. If it can't be read, give it back."""
        try:
            self.away = 0.0
            await self.ready()
        except RoostError as error:
            await self._give_back(error)

    async def _give_back(self, error: RoostError) -> None:
        """The agent can't be loaded here: nobody waits for the end of a lease that does nothing. Who parked a trigger
        and waits is told why; tells stay for whoever can load it."""
        leases, address = self.leases, self.address
        try:
            for _ in range(DECLINES):
                await self._decline(error)
                if await leases.leave(address, True, self.shown, False):
                    return
            await leases.leave(address, True, self.shown, True)
        except RoostError as problem:
            self.runtime.log.warning("%s: could not be given back: %s", address, problem.message)
            leases.lost(address)

    async def _decline(self, error: RoostError) -> None:
        answer = answer_of(failed(error))
        try:
            for letter in await self.runtime.store.parked(self.address, 0, LETTERS):
                if letter.trigger is not None:
                    await self.leases.answer(self.address, letter.n, answer)
        except Exception as problem:  # letters of a newer schema may not be readable at all
            self.runtime.log.warning("%s: who waits for it could not be told: %s", self.address, problem)

    async def _gather(self, image: Image) -> None:
        """Somebody rang: read the letters, look what is due."""
        now = self.runtime.host.now()
        late = False
        found = await self.runtime.store.parked(self.address, 0, LETTERS)
        if len(found) >= LETTERS:  # there may be more, and only a load counts them: none may be left uncounted
            self.forget()
            self.look = True
            return
        for letter in found:
            if letter.n not in image.letters:
                image.keep(letter)
                image.waiting += 1
                late = late or letter.next > now
        if late and image.due != image.earliest():
            image.due = image.earliest()
            image.settle((), now)
            await self.runtime.store.arm(self.address, image.armed)
            await self.runtime.alarms.arm(self.address, image.armed)
        self.line_up(image)

    async def _look(self) -> None:
        try:
            image = await self.ready()
        except RoostError as error:
            if error.code == "busy":
                await self._busy_look()
            else:
                await self.rearm_later()
            return
        if self.status == "quarantined":
            await disarm(self)
            return
        self.line_up(image)
        if not len(self.mailbox) and image.armed is not None:  # early: its doorbell is spent, so it needs another
            self.was = None
            now = self.runtime.host.now()
            await self.arm(image.armed if image.armed > now else now + REARM)

    async def _busy_look(self) -> None:
        try:
            if await self.leases.ring(self.address):
                return  # the holder looks before it leaves
            self.away = 0.0
            self.tries += 1
            if self.tries < 5:
                self.look = True
                return
        except RoostError:
            pass
        self.tries = 0
        await self.rearm_later()

    async def quarantine(self, error: Quarantined) -> None:
        await super().quarantine(error)
        image = self.image
        if image is None:
            return
        for letter in image.letters.values():  # somebody waits for these; tells stay parked
            if letter.trigger is not None and letter.n not in self.queued:
                self.queued.add(letter.n)
                self.mailbox.put(letter_waiting(self.kind, letter, self.runtime.host))

    # Running -----------------------------------------------------------------------------------------

    async def _guarded(self, waiting: Waiting) -> None:
        durable = waiting.letter is not None or waiting.guest
        if durable and self.runtime.host.monotonic() >= self.stay:
            self._drop(waiting)
            self.dropped = True
            return
        if self.lines and not durable and connection(waiting.trigger) in self.lines:
            visit(self, waiting)
            return
        while self.image is None:
            try:
                await self.ready()
            except RoostError as error:
                if error.code != "busy":
                    if durable:
                        self._drop(waiting)
                        await self.rearm_later()
                    else:
                        self.refuse(waiting, error)
                    return
                if await self._turned_away(waiting):
                    return
                self.away = 0.0
        if waiting.guest and waiting.guest not in self.image.letters:
            self._drop(waiting)  # somebody else ran it, or it was taken back
            return
        await super()._guarded(waiting)
        await self._answer()
        if not self.leases.holds(self.address):
            self.forget()

    def _drop(self, waiting: Waiting) -> None:
        """It is in the store: not this time."""
        payload = waiting.trigger.payload
        if waiting.letter is not None or waiting.guest:
            self.queued.discard(waiting.letter.n if waiting.letter is not None else waiting.guest)
        elif isinstance(payload, Occurrence):
            self.queued.discard((payload.key, payload.gen, payload.due))

    async def _turned_away(self, waiting: Waiting) -> bool:
        """Another host has the agent; False = it has not any more."""
        trigger = waiting.trigger
        if waiting.letter is not None or waiting.guest or isinstance(trigger.payload, Occurrence):
            try:
                if not await self.leases.ring(self.address):
                    return False
            except RoostError:
                await self.rearm_later()
            self._drop(waiting)
            return True
        visit(self, waiting)
        return True

    # What leaves -------------------------------------------------------------------------------------

    def seal(self, tick: Tick, waiting: Waiting, commit: Commit, error: RoostError | None, value: Any) -> None:
        """What a commit says besides: a guest's answer, and that this host is done."""
        image = self.image
        assert image is not None
        if waiting.guest:
            commit.consumed, commit.answer = waiting.guest, answer_to(commit.version, error, value)
        busy = (
            len(self.mailbox) or self.look or self.naps or self.flight or self.settled or self.lives or self.answers
            or image.connections or image.outbox or commit.connections or commit.outbox or tick.frames
            or tick.hangups or commit.deferred
        )  # fmt: skip
        if not busy and image.waiting <= (commit.consumed is not None) and waiting.trigger.kind != "start":
            commit.yield_lease = True
            commit.released = commit.version

    def finish(self, waiting: Waiting, result: TickResult) -> None:
        n = waiting.guest
        if n:
            self.queued.discard(n)
            image = self.image
            if (n in image.letters) if image is not None else not isinstance(result.error, TransientError):
                self.answers.append((n, result))
        super().finish(waiting, result)

    async def _answer(self) -> None:
        """Guests that no commit answered."""
        answers, self.answers = self.answers, []
        for n, result in answers:
            try:
                await self.leases.answer(self.address, n, answer_of(result))
            except RoostError:
                self.forget()  # it stays parked: whoever reads it again answers
                continue
            image = self.image
            if image is not None and image.drop(n):
                image.waiting -= 1

    def refuse(self, waiting: Waiting, error: RoostError) -> None:
        self.reply(waiting, result := failed(error))
        self.finish(waiting, result)

    def reply(self, waiting: Waiting, result: TickResult) -> None:
        """The replies that no release says."""
        out: list[Frame] = []
        reply_frames(waiting, result, out)
        if out:
            self.visits += 1
            self.runtime.host.spawn(self._say(out))

    async def _say(self, out: list[Frame]) -> None:
        try:
            await self.runtime.send_late(self.address, out)
        finally:
            self.visits -= 1
            self.rested()

    def overtaken(self) -> bool:
        if self.leases.sure(self.address):
            return False
        self.leases.lost(self.address)  # whoever loads it next sends the state; the doorbell sees to it that one does
        self.dropped = True
        return True

    def replies(self, waiting: Waiting) -> bool:
        return not (waiting.guest and self.overtaken())  # whoever has the agent replies, or did

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
        """Make a letter durable; whoever holds the agent is rung, else a doorbell is sent."""
        later = letter.next > self.runtime.host.now()
        kept, until = await self.leases.post(
            self.address,
            letter,
            room(letter, self.runtime.limits.mailbox, named=self.runtime.named),
            armed if later else None,
        )
        if later:
            await self.leases.call(self.address, kept.next - self.runtime.host.now())
        elif not until:
            await self.leases.call(self.address, 0.0)

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
        self.mailbox.withdraw(lambda one: one.guest == n)
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
        self.rested()

    def rested(self) -> None:
        """Something is over: whoever waits for all of it may go on."""
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
        return not self.visits and super().idle

    def linger(self, until: float) -> None:
        """Run letters of others until then, at least."""
        self.stay = max(self.stay, until)
