"""Agents asked over HTTP: typed arguments, every class of error, and pages of their own."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from roost import Agent, Rejected, Request, Response, TransientError, action

from .gate import Gate, wait_at


class Order(BaseModel):
    item: str
    amount: Annotated[int, Field(ge=1, le=99)] = 1
    due: date | None = None


class Work(BaseModel):
    runs: int = 0


class Clerk(Agent[Work]):
    """Each action that succeeds counts one run."""

    @action
    async def add(self, a: int, b: int = 1) -> int:
        self.state.runs += 1
        return a + b

    @action
    async def order(self, order: Order, *, urgency: Literal["low", "high"] = "low") -> dict[str, Any]:
        self.state.runs += 1
        return {"item": order.item, "amount": order.amount, "due": order.due, "urgency": urgency}

    @action
    async def echo(self, value: Any) -> Any:
        self.state.runs += 1
        return value

    @action
    async def slow(self, gate: str) -> int:
        """Ends once the gate is open."""
        self.state.runs += 1
        await wait_at(self, gate)
        return self.state.runs

    @action
    async def who(self) -> dict[str, Any] | None:
        self.state.runs += 1
        return None if self.caller is None else {"principal": self.caller.principal, **self.caller.claims}

    @action
    async def refuse(self, status: int = 409) -> None:
        self.state.runs += 1
        raise Rejected("that seat is taken", code="seat-taken", status=status, data={"seat": "12A"})

    @action
    async def burst(self) -> None:
        self.state.runs += 1
        raise ValueError("the password is swordfish")

    @action
    async def later(self, gate: str) -> int:
        """Fails, not for good, until the gate is open."""
        self.state.runs += 1
        if not await self.agent(Gate, gate).is_open():
            raise TransientError("not open yet", retry_after=7)
        return self.state.runs

    @action
    async def weigh(self, size: int) -> str:
        """A result of `size` bytes, and a run that must not count if that is too much."""
        self.state.runs += 1
        return "x" * size

    @action(readonly=True)
    async def runs(self) -> int:
        return self.state.runs

    async def hidden(self) -> None:
        """No action: nobody may call it from outside."""
        self.state.runs += 100


class Visits(BaseModel):
    visits: int = 0


class Page(Agent[Visits]):
    """Answers plain HTTP; the path says how."""

    async def on_request(self, request: Request, /) -> Response | Any:
        self.state.visits += 1
        match request.path:
            case "/text":
                return "plain words, é"
            case "/bytes":
                return bytes(range(256))
            case "/nothing":
                return None
            case "/teapot":
                return Response({"short": "stout"}, 418, {"X-Pot": "tea", "Content-Type": "application/vnd.pot+json"})
            case "/mirror":
                return Response(request.body, headers={"content-type": request.header("content-type") or "none/none"})
            case "/refuse":
                raise Rejected("not this page", code="no-page", status=403, data={"page": 1})
            case "/burst":
                raise ValueError("the password is swordfish")
            case "/bad-header":
                return Response("x", headers={"x-split": "a\r\nset-cookie: b"})
            case "/bad-status":
                return Response("x", status=99)
            case _:
                return {
                    "method": request.method,
                    "path": request.path,
                    "query": request.query,
                    "probe": request.header("X-Probe"),
                    "size": len(request.body),
                    "caller": self.caller.principal if self.caller else None,
                }


AGENTS: list[type[Agent[Any, Any]]] = [Clerk, Page]
