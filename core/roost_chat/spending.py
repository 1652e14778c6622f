"""What a turn's requests may cost: reserved before each of them, in its step; a turn that may not pay waits.

The reservation of a try is made in the step, under an id that no other life of the step has: a host that dies between
reservation and request, or in the middle of the request, leaves it behind, and it counts as spent. A step that is
refused ends with that as its result, so the body waits, and makes the request as another step.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai import exceptions as ai
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter

from roost import Fatal
from roost.errors import NotFound, Rejected, RoostError

from .budget import Budget, end_of, window_of
from .events import TurnHeld
from .limits import Limiter
from .pricing import models_in, price
from .purses import ChatBudgets, Reserving, key_of

if TYPE_CHECKING:
    from .turn import Turn

OVER: Final = "over-budget"
MAX_TOKENS: Final = 4096
"""Of an answer, where a budget must know and the class does not say."""
BYTES_A_TOKEN: Final = 2
"""Of what is sent: fewer than any language has on the whole, for a reservation must not be too small."""
AROUND: Final = 200
"""Tokens that a provider adds to what is sent."""


class Spending:
    """Of one life of a turn's body."""

    def __init__(self, turn: Turn, budgets: tuple[Budget, ...], source: str, model: Any) -> None:
        self._turn = turn
        self._budgets = budgets
        self._source = source
        self._model = model
        self.messages: list[ModelMessage] = []
        """Of the request that is made next."""

    @property
    def max_tokens(self) -> int:
        return self._turn.agent.max_tokens or MAX_TOKENS

    async def enter(self) -> dict[str, Any] | None:
        """In the step, before a try: None, or why the turn has to wait."""
        turn = self._turn
        now = turn.agent.now
        came = len(ModelMessagesTypeAdapter.dump_json(self.messages)) // BYTES_A_TOKEN + AROUND
        asks = {one.purse: (one.limit, self._window(one, now), self._amount(one, came, now)) for one in self._budgets}
        id = f"{turn.id}/{turn.requests}/{token_hex(8)}"
        mine = {name: ask for name, ask in asks.items() if not name.startswith("caller.")}
        theirs = {name: ask for name, ask in asks.items() if name.startswith("caller.")}
        request = f"{turn.n}.{turn.requests}"
        refused: str | None = None
        if mine:
            refused = await self._own(id, "reserve").chat_reserve(
                turn.where, Reserving(id=id, request=request, asks=mine)
            )
        if theirs and refused is None:
            try:
                refused = await self._callers(id, "reserve").reserve(
                    turn.where, Reserving(id=id, request=request, asks=theirs)
                )
            except NotFound as error:
                raise Fatal(
                    f"{type(turn.agent).__name__}.budget is of each caller, which the agent ChatBudgets keeps: "
                    f"App([..., ChatBudgets]) ({error.message})",
                    code="no-budgets",
                ) from error
            if refused is not None and mine:
                await self._own(id, "release").chat_release(id)
        if refused is None:
            self._id = id
            self._asked = (bool(mine), bool(theirs))
            return None
        until = end_of(next(one.window for one in self._budgets if one.purse == refused), now)
        return {"purse": refused, "until": None if until is None else until.timestamp()}

    async def failed(self, error: BaseException) -> None:
        """In the step: a try failed. One that was answered with a refusal cost nothing."""
        if not isinstance(error, ai.ModelHTTPError) or error.in_stream:
            return
        mine, theirs = self._asked
        try:
            if mine:
                await self._own(self._id, "release").chat_release(self._id)
            if theirs:
                await self._callers(self._id, "release").release(self._id)
        except RoostError:
            """It is settled as it was reserved: too much rather than too little."""

    async def wait(self, refused: dict[str, Any]) -> None:
        """In the body: until the window is over, somebody raised the budget, or others spent less than they might."""
        turn, run = self._turn, self._turn.run
        scope = refused["purse"].partition(".")[0]
        await run.tick(turn.agent.chat_held, turn.id, OVER)
        await turn.tell(TurnHeld(why=OVER, scope=scope, until=refused["until"]), step=f"held:{turn.requests}")
        try:
            until = refused["until"]
            rest = None if until is None else max(0.0, until - run.now.timestamp()) + 0.01
            async with asyncio.timeout(rest):
                await run.wait("budget", bool)
        except TimeoutError:
            pass
        await run.tick(turn.agent.chat_held, turn.id, "")

    def _window(self, budget: Budget, now: datetime) -> str:
        return self._turn.where if budget.scope == "turn" else window_of(budget.window, now)

    def _amount(self, budget: Budget, came: int, now: datetime) -> int:
        if budget.unit == "tokens":
            return came + self.max_tokens
        found = 0
        for model in models_in(self._model):
            one = price(
                model.system, getattr(model, "base_url", None) or "", model.model_name, came, self.max_tokens, now
            )
            if one is None:
                raise Rejected(
                    f"nobody knows what the model {model.system}:{model.model_name} costs, so Budget(usd=...) can't "
                    "bound it: say Budget(tokens=...)",
                    code="unknown-price",
                )
            found = max(found, one)
        return found

    def _own(self, id: str, what: str) -> Any:
        agent = self._turn.agent
        return agent.agent(type(agent), agent.key, idempotency_key=f"{id}/{what}")

    def _callers(self, id: str, what: str) -> Any:
        turn = self._turn
        key = key_of(turn.agent.kind, self._source, turn.user)
        return turn.agent.agent(ChatBudgets, key, idempotency_key=f"{id}/{what}")


class Gates:
    """What a request passes: the limiter of its provider's key, then the budgets. Fills `durability.Gate`."""

    def __init__(self, spending: Spending | None, limiter: Limiter | None) -> None:
        self._spending = spending
        self._limiter = limiter

    async def enter(self) -> dict[str, Any] | None:
        if self._limiter is not None:
            await self._limiter.enter()
        return None if self._spending is None else await self._spending.enter()

    async def failed(self, error: BaseException) -> None:
        if self._limiter is not None:
            await self._limiter.failed(error)
        if self._spending is not None:
            await self._spending.failed(error)

    async def wait(self, refused: dict[str, Any]) -> None:
        assert self._spending is not None
        await self._spending.wait(refused)
