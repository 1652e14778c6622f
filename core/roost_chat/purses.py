"""Who keeps purses: a session its own and its turns', and one agent a caller's. Ticks of theirs."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from pydantic import BaseModel

from roost.author.action import action
from roost.author.agent import Agent
from roost.errors import Rejected

from .budget import ENDED, Purse, Purses, Reserved, Standing, Unit, amount_of

ROW: Final = "roost-chat/purses"


class Reserving(BaseModel):
    """What a try of a request asks of those who keep its purses."""

    id: str
    """Of the try: another one of the same request, after a death or a cut, has another."""
    request: str
    asks: dict[str, tuple[int, str, int]]
    """Purse -> its limit, the window, the amount."""


class Paid(BaseModel):
    """What a request came to."""

    request: str
    amounts: dict[Unit, int | None]


def reserve(purses: Purses, turn: str, asked: Reserving) -> str | None:
    """From all of them, or from none: then which one it was. Rejected `turn-ended`: a host asks that was given up."""
    if turn in purses.ended:
        raise Rejected("this turn has ended", code="turn-ended", status=409)
    for name, (limit, window, amount) in asked.asks.items():
        purse = purses.of.setdefault(name, Purse())
        purse.limit = limit
        if not purse.reserve(asked.id, Reserved(turn=turn, request=asked.request, window=window, amount=amount)):
            release(purses, asked.id)
            return name
    return None


def release(purses: Purses, id: str) -> None:
    """That try was refused before it cost anything."""
    for purse in purses.of.values():
        purse.held.pop(id, None)


def settle(purses: Purses, turn: str, paid: Paid) -> None:
    for name, purse in purses.of.items():
        purse.settle(turn, paid.request, paid.amounts.get(_unit(name)))


def finish(purses: Purses, turn: str) -> None:
    for name, purse in purses.of.items():
        purse.finish(turn)
        if name.startswith("turn."):
            for rows in (purse.spent, purse.more):
                rows.pop(turn, None)
    purses.ended = [*(one for one in purses.ended if one != turn), turn][-ENDED:]


def ready(purses: Purses) -> list[str]:
    """Turns that may ask again."""
    return list(dict.fromkeys(turn for purse in purses.of.values() for turn in purse.ready()))


def raised(purses: Purses, usd: str | float | None, tokens: int | None) -> tuple[Unit, int]:
    """Rejected `bad-amount`."""
    unit: Unit = "usd" if tokens is None else "tokens"
    try:
        if usd is not None and tokens is not None:
            raise ValueError("usd or tokens, one of the two")
        return unit, amount_of(unit, usd if tokens is None else tokens)
    except ValueError as error:
        raise Rejected(str(error), code="bad-amount", status=422) from None


def _unit(name: str) -> Unit:
    return "usd" if name.split(".")[1] == "usd" else "tokens"


def key_of(kind: str, source: str, principal: str) -> str:
    """Of the agent that keeps a caller's purses; those without a name share one."""
    said = f"{kind}/{source}:{principal}"
    return said if len(said.encode()) <= 200 else f"{kind}/{blake2b(said.encode(), digest_size=16).hexdigest()}"


class ChatBudgets(Agent):
    """What one caller's turns of one kind may cost: for budgets with `scope="caller"`, in an app that has it too.

    Its key is `{kind}/{source}:{principal}`, for example `support/client:ann`.
    """

    @action(by="agent")
    async def reserve(self, turn: str, asked: Reserving) -> str | None:
        """None, or the purse for which it would be too much."""
        purses = await self._purses()
        found = reserve(purses, turn, asked)
        self.kv.put(ROW, purses)
        return found

    @action(by="agent")
    async def release(self, id: str) -> None:
        purses = await self._purses()
        release(purses, id)
        self._put(purses)

    @action(by="agent")
    async def settle(self, turn: str, paid: Paid) -> None:
        purses = await self._purses()
        settle(purses, turn, paid)
        self._put(purses)

    @action(by="agent")
    async def spend(self, asks: dict[str, tuple[int, str, int]]) -> None:
        """What was paid without being reserved here: a turn of another agent that one delegated to."""
        purses = await self._purses()
        for name, (limit, window, amount) in asks.items():
            purse = purses.of.setdefault(name, Purse(limit=limit))
            purse.spend(window, amount)
        self._put(purses)

    @action(by="agent")
    async def finish(self, turn: str) -> None:
        """A turn has ended."""
        purses = await self._purses()
        finish(purses, turn)
        self._put(purses)

    @action(by="operator")
    async def raise_budget(self, usd: str | float | None = None, tokens: int | None = None) -> list[Standing]:
        """Raise it by so much, in the window that runs; turns that wait go on."""
        purses = await self._purses()
        unit, amount = raised(purses, usd, tokens)
        if not purses.raise_by(unit, amount, self.now):
            raise Rejected(f"nothing counts {unit} here yet", code="no-budget", status=404)
        self._put(purses)
        return purses.standing(self.now)

    @action(readonly=True)
    async def budget(self) -> list[Standing]:
        """How it stands: for operators, and for the caller itself."""
        caller = self.caller
        mine = caller is not None and caller.principal and self.key.endswith(f"/{caller.source}:{caller.principal}")
        if caller is not None and caller.source == "client" and not mine:
            raise Rejected("this budget is somebody else's", code="not-allowed", status=403)
        return (await self._purses()).standing(self.now)

    async def _purses(self) -> Purses:
        return await self.kv.get(ROW, Purses) or Purses()

    def _put(self, purses: Purses) -> None:
        from .turns import KINDS

        for turn in ready(purses):
            address, _, job = turn.rpartition("#")
            kind, _, key = address.partition("/")
            if kind in KINDS:
                self.tell(self.agent(KINDS[kind], key).chat_raised, job)
        self.kv.put(ROW, purses)
