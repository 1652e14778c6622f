"""The renewal of a lease while its agent is at work (rule 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...contract.errors import RoostError

if TYPE_CHECKING:
    from ...ports import Timer
    from .tenure import Tenant

RENEW: Final = 2.0
"""Seconds after which a lease that is still needed is renewed: three may fail before it ends."""


class Keeper:
    """One timer an agent, which ends by itself once the agent is given back."""

    __slots__ = ("_tenant", "_timer")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._timer: Timer | None = None

    def begin(self) -> None:
        """The agent was taken."""
        if self._timer is None:
            self._timer = self._tenant.runtime.host.call_later(RENEW, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._tenant.leases.holds(self._tenant.address):
            self._tenant.runtime.host.spawn(self._renew())

    async def _renew(self) -> None:
        tenant = self._tenant
        try:
            await tenant.leases.renew(tenant.address)
        except RoostError as error:
            tenant.runtime.log.warning("%s: its lease was not renewed: %s", tenant.address, error.message)
        if tenant.leases.holds(tenant.address):
            self.begin()
