"""The renewal of a lease while its agent is at work (rule 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...contract.errors import RoostError

if TYPE_CHECKING:
    from logging import Logger

    from ...contract.address import Address
    from ...ports import Host, Leases, Timer

RENEW: Final = 2.0
"""Seconds after which a lease that is still needed is renewed: three may fail before it ends."""


class Renewal:
    """One timer an agent, which ends by itself once the agent is given back."""

    __slots__ = ("_address", "_host", "_leases", "_log", "_timer")

    def __init__(self, leases: Leases, address: Address, host: Host, log: Logger) -> None:
        self._leases = leases
        self._address = address
        self._host = host
        self._log = log
        self._timer: Timer | None = None

    def begin(self) -> None:
        """The agent was taken."""
        if self._timer is None:
            self._timer = self._host.call_later(RENEW, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._leases.holds(self._address):
            self._host.spawn(self._renew())

    async def _renew(self) -> None:
        try:
            await self._leases.renew(self._address)
        except RoostError as error:
            self._log.warning("%s: its lease was not renewed: %s", self._address, error.message)
        if self._leases.holds(self._address):
            self.begin()
