"""The app whose costs are counted, as it is where others reach it: with an auth hook, and with quotas.

`little` has used up what it may do after one call; whoever sends `bad` is refused.
"""

from __future__ import annotations

from pydantic import BaseModel

from roost import ANONYMOUS, Agent, App, Caller, Credentials, Quotas, Rate, Rejected, action

MANY = Rate(10**9, 60.0)
MUCH = Quotas(calls=MANY, tells=MANY, created=MANY, keys=MANY, bytes=MANY, sockets=10**6)
LITTLE = Quotas(calls=Rate(1, 3600.0), tells=MANY, created=Rate(1, 3600.0), keys=MANY, bytes=MANY, sockets=1)


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def add(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count


async def auth(credentials: Credentials) -> Caller | None:
    token = credentials.bearer or credentials.query.get("token")
    if token == "bad":
        raise Rejected("not you", code="bad-token", status=401)
    return Caller(token) if token else ANONYMOUS


app = App(
    [Counter], auth=auth, quotas=lambda caller: LITTLE if caller and caller.principal.startswith("little") else MUCH
)
