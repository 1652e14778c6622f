"""A session: who is there, whose it is, and what becomes of its turns when everybody has left.

Attached is whoever has a connection, or asked within a minute. Ten seconds after the last connection (a reload is not
leaving) nobody is: then its turn goes on for a while, or is held, as the class says.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Literal

from pydantic import BaseModel
from typing_extensions import TypeVar

from roost.author.action import action
from roost.author.agent import Agent
from roost.author.kind import Empty
from roost.errors import Rejected

from . import history
from .directory import ChatSessions, Listed
from .records import LiveTurn, Outcome, Session, SessionState, SessionView

if TYPE_CHECKING:
    from roost import Connection

S = TypeVar("S", bound=BaseModel, default=Empty)
C = TypeVar("C", bound=BaseModel, default=Empty)

LEFT: Final = 10.0
"""Seconds after the last connection went in which a reload is not leaving."""
SEEN: Final = 60.0
"""Seconds for which somebody counts as there who only asks now and then."""
LEAVING: Final = f"{history.PREFIX}left"
BACKGROUND: Final = f"{history.PREFIX}background"
SWEPT: Final = 50
"""Rows that one tick deletes."""


class SessionAgent(Agent[S, C], Generic[S, C]):
    """See the file's head."""

    when_left: ClassVar[Literal["continue", "pause"]] = "continue"
    """What becomes of a turn when nobody is attached any more: it goes on, or is held until somebody is."""
    max_background_runtime: ClassVar[timedelta] = timedelta(minutes=30)
    """A turn that goes on with nobody attached is cancelled then. The time of open questions does not count."""
    shared: ClassVar[bool] = False
    """Whether others than its owner may write to and read a session. The owner is whoever first sent something under a
    name; a session without one is for whoever knows its key."""
    directory: ClassVar[type[ChatSessions] | None] = None
    """`ChatSessions`, or a subclass that the app has: sessions are listed there, by their owners."""

    async def on_connect(self, connection: Connection, /) -> None:
        session = await history.session_of(self.kv, self.now)
        if session.turns:
            self._came(session, connected=True)
            self._put(session)

    async def on_disconnect(self, connection: Connection, /) -> None:
        session = await history.session_of(self.kv, self.now)
        if session.turns and not any(other.id != connection.id for other in self.connections):
            self.schedule(LEAVING, LEFT, self.chat_left)

    @action(public=False)
    async def chat_left(self) -> None:
        """Whether everybody has left, some time after somebody did."""
        session = await history.session_of(self.kv, self.now)
        if self.connections:
            return
        if session.seen is not None and (rest := SEEN - (self.now - session.seen).total_seconds()) > 0:
            self.schedule(LEAVING, max(rest, 0.1), self.chat_left)
            return
        session.left = self.now
        if session.live and self.when_left == "pause":
            session.paused = True
            for turn in session.live:
                self.hold_job(turn.id)
        elif session.live:
            self.schedule(BACKGROUND, self.max_background_runtime, self.chat_background)
        self._put(session)

    @action(public=False)
    async def chat_background(self) -> None:
        """A turn went on for as long as it may with nobody attached."""
        session = await history.session_of(self.kv, self.now)
        for turn in session.live:
            if turn.held or any(ask.turn == turn.id for ask in session.asks):
                self.schedule(BACKGROUND, self.max_background_runtime, self.chat_background)  # it waits for somebody
            elif turn.running:
                self.cancel(turn.id)

    @action(public=False)
    async def chat_sweep(self) -> None:
        """Delete rows that were cleared away, some at a time."""
        session = await history.session_of(self.kv, self.now)
        last = min(session.floor, session.swept + SWEPT)
        for seq in range(session.swept, last):
            self.kv.delete(history.key(seq))
        session.swept = last
        self._put(session)
        if last < session.floor:
            self.tell(self.chat_sweep)

    async def _session(self, *, write: bool = False) -> Session:
        """Its row, for whoever calls. Rejected 403 `not-your-session`."""
        session = await history.session_of(self.kv, self.now)
        who = self._admit(session)
        if write:
            if session.owner is None and who is not None and who[0] == "client":
                session.owner = who
            alive = {ref.id for ref in self.jobs}
            for turn in [turn for turn in session.live if turn.id not in alive]:
                self._over(session, turn, "failed")  # its end could not be written: `on_job` failed for the last time
            session.touched = self.now
        return session

    def _admit(self, session: Session) -> tuple[str, str] | None:
        """Who calls, if that is somebody with a name. Rejected 403 `not-your-session`."""
        caller = self.caller
        who = None if caller is None or not caller.principal else (caller.source, caller.principal)
        guarded = session.owner is not None and not self.shared and (caller is None or caller.source == "client")
        if guarded and who != session.owner:
            raise Rejected("this session is somebody else's", code="not-your-session", status=403)
        return who

    def _open(self, session: Session) -> None:
        if session.ended is not None:
            raise Rejected("this session has ended: begin another one", code="session-ended", status=409)

    def _put(self, session: Session) -> None:
        if self.directory is not None and session.owner is not None:
            state = self._state(session)
            if (mark := f"{state} {session.title}") != session.listed:
                session.listed = mark
                here = self.agent(self.directory, session.owner[1])
                self.tell(
                    here.note, Listed(kind=self.kind, key=self.key, title=session.title, state=state, at=self.now)
                )
        self.kv.put(history.SESSION, session)

    def _came(self, session: Session, *, connected: bool = False) -> None:
        """A client is there."""
        if self.caller is not None and self.caller.source != "client" and not connected:
            return
        if not (connected or self.connections):
            session.seen = self.now
            self.schedule(LEAVING, SEEN, self.chat_left)
        else:
            self.unschedule(LEAVING)
        session.left = None
        self.unschedule(BACKGROUND)
        if session.paused:
            session.paused = False
            for turn in session.live:
                self.resume_job(turn.id)

    def _attached(self, session: Session) -> bool:
        seen = session.seen
        return bool(self.connections) or (seen is not None and (self.now - seen).total_seconds() < SEEN)

    def _state(self, session: Session) -> SessionState:
        if session.ended is not None:
            return "ended"
        if self._attached(session):
            return "active"
        return "paused" if session.paused else "running" if session.live else "idle"

    def _view(self, session: Session) -> SessionView:
        running = next((turn for turn in session.live if turn.running), None)
        return SessionView(
            state=self._state(session), title=session.title, owner=None if session.owner is None else session.owner[1],
            created=session.created, touched=session.touched, messages=session.next - session.floor, turn=running,
            queued=len(session.live) - (running is not None), asks=session.asks, last=session.last,
        )  # fmt: skip

    def _over(self, session: Session, live: LiveTurn, outcome: Outcome) -> None:
        session.live = [turn for turn in session.live if turn.id != live.id]
        session.asks = [ask for ask in session.asks if ask.turn != live.id]
        session.last = outcome
        if session.live and not any(turn.running for turn in session.live):
            session.live[0].running = True
            self.signal(session.live[0].id, "go", True)
        if not session.live:
            self.unschedule(BACKGROUND)
            session.paused = False
