"""The resident part of one agent: its mailbox, its image while awake, and the work it starts when something waits.

One cell an address that is in use. The work (`pump.Pump.run`) takes one trigger after the other, so ticks of one agent
never overlap; everything that writes the agent's rows and depends on its image happens in there.

What a cell is doing, and who moves it on:

    state       is                                       from it, by
    at rest     nothing waits, no work                   working: `kick`, from `put`, `put_letter`, `alarm`
    working     `pumping`; one turn after the other      at rest: the pump, when it finds nothing
                  turn: run -> write -> publish          the next: `mailbox.take`, urgent ones first
    loading     `loading` is a future; `image` is None   known: `waking.ready`; again, if `doubted` meanwhile
    known       `image` is what the store holds          unknown: `forget`, after a write whose end is not known, a nap,
                                                         a lease that was lost
    unknown     `image` is None; the mailbox stays       loading: the next turn, reader or look

`status` (lifecycle.py) is what operators see of it. `idle` cells are dropped by `Runtime.sweep`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..contract.errors import AgentError, RoostError, TransientError
from ..contract.refusals import full, other_arguments
from ..contract.result import TickResult, failed
from ..contract.trigger import Disconnect, Occurrence
from .crossing import crossed, crosses
from .due import letter_waiting
from .mailbox import Mailbox, Waiting
from .metrics import Metrics
from .outgoing import Outgoing
from .owned import Owned
from .parking import Parking
from .replies import reply_frames
from .retries import FIRST
from .room import room
from .trouble import note
from .viewing import made

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..author.kind import Kind
    from ..contract.address import Address
    from ..contract.commit import Busy, Envelope, Frame, Letter, Snapshot
    from ..ports import Future, Timer
    from ..tick.image import Image
    from .lifecycle import Status
    from .shared import Shared
    from .subscribers import Subscriber


REARM: Final = 5.0
"""Seconds after which an alarm that could not be set is set again, and what is under way is looked at: nothing of the
author's runs then. A wake that failed has pauses that grow (`retries`)."""
Work: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]
"""Takes the cell."""


class Cell(Owned):
    """See the file's head."""

    __slots__ = (
        "address", "agent", "ahead", "armed", "asks", "cut", "doubted", "flight", "image", "kind", "leases", "lent",
        "lives", "loading", "look", "mailbox", "metrics", "naps", "outgoing", "parking", "pumping",
        "queued", "refused", "runtime", "settled", "status", "subscribers", "task", "used", "work",
    )  # fmt: skip

    def __init__(self, runtime: Shared, kind: Kind, address: Address, work: Work) -> None:
        self.runtime = runtime
        self.work = work
        """Runs what waits, until nothing does."""
        self.leases = runtime.leases
        """How hosts take turns; None = this one owns the agent."""
        self.kind = kind
        self.address = address
        self.status: Status = "asleep"
        self.image: Image | None = None
        self.agent: Agent[Any, Any] | None = None
        """The author's object of the next tick, its state as committed."""
        self.lent: Any = None
        """The state that the last handler had in its hands, if it left it as it was: what that left behind may change
        it yet, and is told so at the next tick."""
        self.asks: list[str] = []
        """Addresses of the agents that the running tick waits for."""
        self.mailbox = Mailbox()
        self.metrics = Metrics(runtime.host.now())
        self.used = runtime.host.monotonic()
        self.pumping = False
        self.task: Timer | None = None
        self.loading: Future[None] | None = None
        self.look = False
        """The alarm went off: look what is due."""
        self.doubted = False
        """The store may hold what the image does not: load it anew before the next tick."""
        self.ahead: Snapshot | None = None
        """What the next load would find, read already."""
        self.armed: float | None = None
        """What the platform's alarm is set to, as far as that is known and still to come."""
        self.naps: list[Future[None]] = []
        """Who waits for the agent to be forgotten after the running tick."""
        self.queued: set[Any] = set()
        """Letters (n) and occurrences (key, gen, due) that are in the mailbox already."""
        self.parking = Parking()
        self.outgoing = Outgoing()
        self.refused: list[tuple[Envelope, RoostError]] = []
        """Envelopes that will never be delivered: they are buried before they are settled."""
        self.flight: set[str] = set()
        """Envelopes under way, by id."""
        self.settled: list[str] = []
        self.lives: list[Frame] = []
        self.cut = False
        """Chunks of the run were not sent: another host may run it anew."""
        self.subscribers: set[Subscriber] | None = runtime.subscribers.get(address)

    # Arrival -----------------------------------------------------------------------------------------

    def put(self, waiting: Waiting) -> None:
        """Queue a trigger, join the run of the same id, or refuse."""
        trigger = waiting.trigger
        if trigger.path and self.asks and crosses(str(self.address), self.asks, trigger.path):
            self.refuse(waiting, crossed(str(self.address), trigger.path))
            return
        if trigger.id is not None and waiting.letter is None:
            key = (trigger.source, trigger.principal, trigger.id)
            if (first := self.mailbox.ids.get(key)) is not None:
                if first.fingerprint != waiting.fingerprint:
                    self.refuse(waiting, other_arguments(trigger.id))
                else:
                    first.followers.append(waiting)
                return
            self.mailbox.ids[key] = waiting
        if not self.mailbox.offer(waiting, self.runtime.limits.mailbox):
            self.mailbox.ids.pop((trigger.source, trigger.principal, trigger.id or ""), None)
            self.refuse(waiting, full(self.address, len(self.mailbox)))
            return
        self.kick(eager=True)

    def asking(self, to: str) -> None:
        """The running tick waits for another agent: whoever waits here for that one's sake may be refused."""
        self.asks.append(to)
        me = str(self.address)
        for one in self.mailbox.withdraw(
            lambda one: not one.parked_as and crosses(me, (to,), one.trigger.path or (me,))
        ):
            self.refuse(one, crossed(me, one.trigger.path))

    def asked(self, to: str) -> None:
        """It waits no more."""
        self.asks.remove(to)

    def put_letter(self, letter: Letter) -> None:
        """Queue a parked letter, unless older ones that are not loaded come first."""
        image, self.ahead = self.image, None
        if self.parking.ended_all or self.loading is not None:
            if image is not None:
                image.waiting += 1  # the tick that runs commits before the store is read: it leaves the agent armed
            self.doubt()  # destroyed meanwhile, or being loaded from before: the store knows
            return
        if self.parking.has_consumed(letter.n):
            return
        if image is not None and letter.n in image.letters:
            letter = image.letters[letter.n]  # loaded meanwhile, and perhaps tried
        elif image is not None:
            behind = image.more
            image.waiting += 1
            if behind:
                return
            image.keep(letter)
        if letter.next <= self.runtime.host.now() and letter.n not in self.queued:
            self.queued.add(letter.n)
            self.mailbox.put(letter_waiting(self.kind, letter, self.runtime.host))
            self.kick()

    def alarm(self, ahead: Snapshot | None = None) -> None:
        """The platform's alarm went off, or may have."""
        if ahead is not None and self.unread:
            self.ahead = ahead
        self.armed = None  # it is spent: who wants to be woken, for the same time too, sets another
        self.look = True
        self.kick()

    @property
    def unread(self) -> bool:
        """Not in memory, and nothing is under way that would make a snapshot of now an old one."""
        return self.image is None and self.loading is None and not (self.pumping or self.parking)

    def doubt(self) -> None:
        """The answer to a write beside the ticks was lost: what the store holds now must be read."""
        self.doubted, self.ahead = True, None
        self.alarm()

    def kick(self, *, eager: bool = False) -> None:
        """See that the pump runs."""
        if not self.pumping:
            self.pumping = True
            self.task = self.runtime.host.spawn(self.work(self), eager=eager)

    # Waking ------------------------------------------------------------------------------------------

    async def fetch(self) -> Snapshot | Busy:
        """The agent as stored."""
        found, self.ahead = self.ahead, None
        return found or await self.runtime.store.load(self.address)

    def view(self) -> bytes:
        """The committed state as clients see it, as JSON. AgentError: its view fails; said once a commit."""
        image = self.image
        assert image is not None
        if isinstance(image.view, AgentError):
            raise image.view
        if image.view is None:
            rows = image.connections.values()
            try:
                image.view = made(
                    self.runtime, self.kind, image.address, image.at, rows, image.state, image.state_version
                )
            except AgentError as error:
                image.view = error.with_traceback(None)
                raise
        return image.view

    # Trouble -----------------------------------------------------------------------------------------

    async def rearm_later(self) -> None:
        """A wake failed: try again in a while, and less and less often, for it may never succeed."""
        runtime = self.runtime
        pause = runtime.retries.failed(self.address, runtime.host.monotonic())
        at = runtime.host.now() + pause
        if self.leases is None and pause > FIRST:  # whoever scans the column must not come sooner
            with suppress(RoostError):
                await runtime.store.arm(self.address, at)
        await self.arm(at)

    async def arm(self, at: float | None) -> None:
        """Set the platform's alarm. One that can't be set is tried again: what is durable is due all the same."""
        self.armed = at
        try:
            await self.runtime.alarms.arm(self.address, at)
        except RoostError as error:
            self.armed = None
            self.runtime.log.warning("%s: the alarm could not be set: %s", self.address, error.message)
            self.runtime.host.call_later(REARM, partial(self.runtime.rouse, self.address))

    def forget(self) -> None:
        """Drop the memory of the agent, not its mailbox: the next trigger loads it anew."""
        if self.image is not None:
            self.status = "asleep"
        self.image = self.agent = self.ahead = None

    async def park(self, letter: Letter, armed: float) -> None:
        """Make a letter durable, then queue it."""
        runtime = self.runtime
        try:
            letter = await runtime.store.park(
                self.address, letter, room(letter, runtime.limits.mailbox, named=runtime.named), armed
            )
        except TransientError as error:
            note(runtime.log, self.address, letter.action, error)
            self.doubt()  # it may wait there after all
            raise
        self.put_letter(letter)
        sooner = self.armed is not None and runtime.host.now() < self.armed < armed
        await self.arm(self.armed if sooner else armed)

    # Answers -----------------------------------------------------------------------------------------

    def refuse(self, waiting: Waiting, error: RoostError) -> None:
        """Answer with an error, nothing having run."""
        result = failed(error)
        out: list[Frame] = []
        reply_frames(waiting, result, out)
        if out:
            self.runtime.host.spawn(self.runtime.send_late(self.address, out))
        self.finish(waiting, result)

    def finish(self, waiting: Waiting, result: TickResult) -> None:
        """Everybody who waits gets the result."""
        trigger = waiting.trigger
        if trigger.id is not None and waiting.letter is None:
            key = (trigger.source, trigger.principal, trigger.id)
            if self.mailbox.ids.get(key) is waiting:
                del self.mailbox.ids[key]
        if waiting.letter is not None:
            self.queued.discard(waiting.letter.n)
        elif isinstance(payload := trigger.payload, Occurrence):
            self.queued.discard((payload.key, payload.gen, payload.due))
        elif isinstance(payload, Disconnect):
            self.queued.discard(payload.cid)
        if waiting.done is not None:
            waiting.done(result)
        for one in waiting.followers:
            if one.done is not None:
                one.done(result)

    @property
    def idle(self) -> bool:
        """Nothing runs, waits or is under way: not even a load that a reader waits for, which looks for what is due."""
        return not (self.pumping or self.parking or self.flight or self.settled or self.loading or len(self.mailbox))
