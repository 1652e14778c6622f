"""Sessions that are counted: each frame uses the quotas of its caller. Without quotas the plain session serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..contract.errors import RoostError
from ..engine.meter import Use, network, who_is
from .admission import authenticate
from .line import refuse
from .protocol import Session

if TYPE_CHECKING:
    from ..author.app import Credentials
    from ..contract.address import Address
    from ..contract.operators import Operators
    from ..contract.trigger import Caller, Trigger
    from ..engine.meter import Meter
    from ..engine.runtime import Runtime
    from .admission import Admits

Spend = Callable[[Sequence[Use]], object]


class Metered(Session):
    """Mixed in before a backend's session; whoever makes it calls `count`."""

    __slots__ = ()

    def count(self, runtime: Runtime, meter: Meter, client: str) -> None:
        """Count what it uses for its caller. `client`: its remote address, "" unknown."""
        self.spend = spender(runtime, meter, self.caller, client)
        self.client = nameless(self.caller, client)

    def text(self, data: str) -> None:
        if self._afford(len(data)):
            super().text(data)

    def binary(self, data: bytes) -> None:
        if self._afford(len(data)):
            super().binary(data)

    def _afford(self, size: int) -> bool:
        """What can't be read can't be answered either, nor left out of the order: the connection ends."""
        try:
            self.spend((("bytes", size),))
        except RoostError as error:
            refuse(self.line, error)
            self._drop()
            return False
        return True

    def _post(self, trigger: Trigger) -> None:
        try:
            self.spend((("calls", 1), ("keys", 0 if trigger.id is None else 1)))
        except RoostError as error:
            self._answer(trigger.payload, error)
            return
        super()._post(trigger)


async def known(runtime: Admits, credentials: Credentials, operators: Operators, taker: str = "") -> Caller | None:
    """Who asks, as `authenticate` finds out; an address that is refused as often as a client may call is refused before
    that. RoostError: refused."""
    meter = runtime.meter
    if meter is None:
        return await authenticate(runtime, credentials, operators, taker)
    stranger = "refused", network(credentials.client)
    meter.check(stranger)
    try:
        return await authenticate(runtime, credentials, operators, taker)
    except RoostError as error:
        if error.status in (401, 403):
            meter.spend(stranger, None, (("calls", 1),))
        raise


def spender(runtime: Runtime, meter: Meter, caller: Caller | None, client: str) -> Spend:
    """Uses the quotas of a caller. `client`: its remote address, "" unknown."""
    who, tenant = who_is(caller, client), _tenant(runtime, caller)

    def spend(uses: Sequence[Use]) -> object:
        return meter.spend(who, caller, uses, tenant)

    return spend


async def knock(runtime: Runtime, meter: Meter, address: Address, caller: Caller | None, client: str) -> None:
    """Count a handshake as a call, and its agent if that is new. LimitExceeded: it may not come in.

    How many sockets a client has at an agent is counted by its rows, before `on_connect` runs.
    """
    who, tenant = who_is(caller, client), _tenant(runtime, caller)
    meter.spend(who, caller, (("calls", 1),), tenant)
    await meter.birth(runtime, address, who, caller, tenant)


def nameless(caller: Caller | None, client: str) -> str | None:
    """For `Connect.client`: the network of a client without a name; None: it has one."""
    return network(client) if caller is None else None


def seat(runtime: Runtime, meter: Meter, caller: Caller | None, client: str) -> Callable[[], None]:
    """Take one of the seats of this host, for a host that sees its sockets end; what this returns gives it back."""
    return meter.sit(who_is(caller, client), caller, _tenant(runtime, caller))


def _tenant(runtime: Runtime, caller: Caller | None) -> str | None:
    tenants = runtime.app.tenants
    return None if tenants is None else tenants.of(caller)
