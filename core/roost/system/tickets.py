"""Tickets for WebSockets: each opens one, once, within seconds.

A browser can't send a token with a handshake, and a token in a URL is in every log. So whoever is known over HTTP is
given a ticket, for one agent, and the handshake carries that. It is kept by one of 64 agents, under its digest, and
taken out by the handshake: a commit of one agent, so that it is used once on any host, and after a crash at most once.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic_core import from_json

from ..author.action import action
from ..author.agent import Agent
from ..contract.address import Address
from ..contract.caller import APP, document, expired, from_document
from ..contract.encoding import encode
from ..contract.errors import LimitExceeded, Rejected
from ..contract.trigger import Call, Caller, Trigger
from .names import TICKET, TICKETS

if TYPE_CHECKING:
    from ..author.app import Credentials
    from .names import Asks

LIFE: Final = 30.0
"""Seconds in which a ticket can be used."""
SHARDS: Final = 64
MOST: Final = 2000
"""Tickets that one shard holds: 128,000 in half a minute for all."""
SWEPT: Final = 40
"""Old ones that go with each new one, at most."""
PATIENCE: Final = 20.0
"""Seconds that an ask of one of these agents may take."""


class Open(BaseModel):
    count: int = 0


class Tickets(Agent[Open]):
    """Those of one shard, by `time.digest`, so that the oldest are first."""

    kind = "roost-tickets"

    @action(by="app")
    async def put(self, key: str, address: str, caller: dict[str, Any] | None, expires: float) -> None:
        now, old = self.now.timestamp(), 0
        async for name, _ in self.kv.scan(object):
            if float(name.partition(".")[0]) >= now or old == SWEPT:
                break
            self.kv.delete(name)
            old += 1
        self.state.count = max(0, self.state.count - old)
        if self.state.count >= MOST:
            raise LimitExceeded("too many tickets are out; come back in some seconds", limit="tickets", retry_after=5.0)
        self.kv.put(key, {"address": address, "caller": caller, "expires": expires})
        self.state.count += 1

    @action(by="app")
    async def take(self, key: str, address: str, taker: str = "") -> dict[str, Any] | None:
        """What was put, gone; None: it is not there, or not for this agent, or too old. `taker`: the connection, where
        a platform may greet one twice: it alone is given it again."""
        found = await self.kv.get(key, dict[str, Any])
        if found is None:
            return None
        taken: str | None = found.get("taken")
        if taken is not None and taken != taker:
            return None
        if taken is None and taker:
            self.kv.put(key, {**found, "taken": taker})
        elif taken is None:
            self.kv.delete(key)
            self.state.count = max(0, self.state.count - 1)
        return found if found["address"] == address and found["expires"] > self.now.timestamp() else None


Tickets.kind = Tickets._kind.name = TICKETS  # pyright: ignore[reportPrivateUsage]


async def issue(runtime: Asks, address: Address, caller: Caller | None, secret: str) -> tuple[str, float]:
    """A ticket for this caller at this agent, and until when it can be used, in epoch seconds. `secret`: at least 128
    bits of cryptographic randomness, as text."""
    expires = runtime.host.now() + LIFE
    ticket = f"{TICKET}{int(expires):x}_{secret}"
    doc = document(caller)
    encode(doc, "the caller of a ticket")
    await _ask(runtime, ticket, "put", str(address), doc, expires)
    return ticket, expires


async def redeem(runtime: Asks, credentials: Credentials, taker: str) -> Caller | None:
    """Who was given the ticket. Rejected 401 `bad-ticket`: it opens nothing (any more)."""
    try:
        raw = await _ask(runtime, credentials.query["ticket"], "take", str(credentials.address), taker)
    except (ValueError, OverflowError):
        raw = None
    if raw is None:
        raise Rejected(
            "this ticket was used, has expired, or is for another agent: get a new one (POST /v1/tickets)",
            code="bad-ticket", status=401,
        )  # fmt: skip
    caller = from_document(raw["caller"])
    if caller is not None and caller.expires is not None and caller.expires <= runtime.host.now():
        raise expired()
    return caller


async def _ask(runtime: Asks, ticket: str, do: str, *args: Any) -> Any:
    """Ask the shard of a ticket. ValueError: it is none."""
    digest = sha256(ticket.encode("utf-8", "surrogatepass")).digest()
    until = int(ticket[len(TICKET) :].partition("_")[0], 16)
    if not 0 <= until < 1 << 40:
        raise ValueError("no time")
    key = f"{until:013d}.{digest.hex()}"
    trigger = Trigger("call", Call(do, (key, *args)), None, "app", APP, deadline=runtime.host.monotonic() + PATIENCE)
    return from_json(await runtime.courier.ask(Address(TICKETS, str(digest[0] % SHARDS)), trigger))
