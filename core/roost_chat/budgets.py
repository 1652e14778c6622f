"""The budgets of a chat agent: what it keeps in purses of its own, and what it counts. Ticks of the agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Generic, Literal

from pydantic import BaseModel
from typing_extensions import TypeVar

from roost.author.action import action
from roost.author.kind import Empty
from roost.errors import Rejected

from . import history, purses
from .budget import NANO, Budget, Purse, Purses, Standing, Unit, window_of
from .presence import SessionAgent
from .purses import ROW, ChatBudgets, Paid, Reserving
from .records import LiveTurn, Priced, Usage

S = TypeVar("S", bound=BaseModel, default=Empty)
C = TypeVar("C", bound=BaseModel, default=Empty)

COUNTED: Final = f"{history.PREFIX}usage"
DAYS: Final = 62
CALLERS: Final = 100
"""Of a session, those who spent first; the others count as one, without a name."""


class Counted(BaseModel):
    """What models cost, by UTC day and by caller."""

    days: dict[str, Usage] = {}
    callers: dict[str, Usage] = {}


class BudgetAgent(SessionAgent[S, C], Generic[S, C]):
    """See the file's head."""

    budget: ClassVar[Budget | Sequence[Budget] | None] = None
    """What its models may cost: `Budget(usd=2, window="day", scope="caller")`, or several."""
    budgets: ClassVar[tuple[Budget, ...]] = ()

    @action(readonly=True)
    async def budget_standing(self) -> list[Standing]:
        """How the budgets of this session and its turns stand."""
        await self._session()
        return (await self._purses()).standing(self.now)

    @action(readonly=True)
    async def usage_by(self, what: Literal["day", "caller"]) -> dict[str, Usage]:
        """What models of this session cost, by UTC day (the last 62), or by caller."""
        await self._session()
        found = await self.kv.get(COUNTED, Counted) or Counted()
        return found.days if what == "day" else found.callers

    @action(by="operator")
    async def raise_budget(self, usd: str | float | None = None, tokens: int | None = None) -> list[Standing]:
        """Raise the budgets of this session, and of its turns, by so much: those that wait go on."""
        found = await self._purses()
        unit, amount = purses.raised(found, usd, tokens)
        if not found.raise_by(unit, amount, self.now):
            raise Rejected(f"nothing of this session counts {unit} yet", code="no-budget", status=404)
        self._keep(found)
        return found.standing(self.now)

    @action(by="agent")
    async def chat_reserve(self, turn: str, asked: Reserving) -> str | None:
        """A request is to be made: None, or the purse for which it would be too much."""
        self._myself()
        found = await self._purses()
        refused = purses.reserve(found, turn, asked)
        self.kv.put(ROW, found)
        return refused

    @action(by="agent")
    async def chat_release(self, id: str) -> None:
        """A try was refused before it cost anything."""
        self._myself()
        found = await self._purses()
        purses.release(found, id)
        self._keep(found)

    @action(by="agent")
    async def chat_raised(self, turn: str) -> None:
        """A caller's budget has room again for a turn that waits."""
        if any(ref.id == turn for ref in self.jobs):
            self.signal(turn, "budget", True)

    @action(public=False)
    async def chat_held(self, turn: str, why: str) -> None:
        """A turn waits, or goes on."""
        session = await history.session_of(self.kv, self.now)
        for live in session.live:
            if live.id == turn:
                live.held = why
        self._put(session)

    def priced(self, paid: Priced) -> Usage:
        """With what it cost by list price, if anybody knows."""
        from .pricing import price

        usage = paid.usage
        cost = price(paid.provider, paid.url, paid.model, usage.input_tokens, usage.output_tokens, self.now)
        return usage if cost is None else usage.model_copy(update={"usd": cost / NANO})

    async def _count(self, usage: Usage, live: LiveTurn | None) -> None:
        found = await self.kv.get(COUNTED, Counted) or Counted()
        who = "" if live is None else live.principal
        if who not in found.callers and len(found.callers) >= CALLERS:
            who = ""
        day = window_of("day", self.now)
        found.days[day] = found.days.get(day, Usage()).plus(usage)
        found.callers[who] = found.callers.get(who, Usage()).plus(usage)
        for old in sorted(found.days)[:-DAYS]:
            del found.days[old]
        self.kv.put(COUNTED, found)

    async def _settle(self, live: LiveTurn, request: str, usage: Usage) -> None:
        """A request was answered."""
        if not self.budgets:
            return
        paid = Paid(request=request, amounts=_amounts(usage))
        where = self._where(live)
        if any(one.scope != "caller" for one in self.budgets):
            found = await self._purses()
            purses.settle(found, where, paid)
            self._keep(found)
        if any(one.scope == "caller" for one in self.budgets):
            self.tell(self._purser(live).settle, where, paid)

    async def _charge(self, live: LiveTurn, usage: Usage) -> None:
        """What another's turn cost, which no purse of this one knew of."""
        if not self.budgets:
            return
        where, amounts = self._where(live), _amounts(usage)
        found = await self._purses()
        theirs: dict[str, tuple[int, str, int]] = {}
        for one in self.budgets:
            window = where if one.scope == "turn" else window_of(one.window, self.now)
            amount = amounts[one.unit] or 0
            if one.scope == "caller":
                theirs[one.purse] = (one.limit, window, amount)
            else:
                found.of.setdefault(one.purse, Purse(limit=one.limit)).spend(window, amount)
        self._keep(found)
        if theirs:
            self.tell(self._purser(live).spend, theirs)

    async def _finish(self, live: LiveTurn) -> None:
        """A turn has ended: what it still holds was never answered."""
        if not self.budgets:
            return
        where = self._where(live)
        if any(one.scope != "caller" for one in self.budgets):
            found = await self._purses()
            purses.finish(found, where)
            self._keep(found)
        if any(one.scope == "caller" for one in self.budgets):
            self.tell(self._purser(live).finish, where)

    def _where(self, live: LiveTurn) -> str:
        return f"{self.kind}/{self.key}#{live.id}"

    def _purser(self, live: LiveTurn) -> Any:
        return self.agent(ChatBudgets, purses.key_of(self.kind, live.source, live.principal))

    async def _purses(self) -> Purses:
        return await self.kv.get(ROW, Purses) or Purses()

    def _keep(self, found: Purses) -> None:
        alive = {ref.id for ref in self.jobs}
        for turn in purses.ready(found):
            job = turn.rpartition("#")[2]
            if job in alive:
                self.signal(job, "budget", True)
        self.kv.put(ROW, found)

    def _myself(self) -> None:
        caller = self.caller
        if caller is None or caller.principal != f"{self.kind}/{self.key}":
            raise Rejected("a session keeps its own purse", code="not-allowed", status=403)


def _amounts(usage: Usage) -> dict[Unit, int | None]:
    """None: nobody knows. A provider that counts no tokens said nothing."""
    tokens = usage.input_tokens + usage.output_tokens
    money = None if usage.usd is None or not tokens else round(usage.usd * NANO)
    return {"usd": money, "tokens": tokens or None}
