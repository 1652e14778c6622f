"""Tenants: customers that share one deployment and see nothing of each other.

A client's tenant is a claim of its caller, which the auth hook sets. The keys of a tenant's agents begin with
`{tenant}/`; its clients reach no others, list no others, and share quotas. Operators, agents and the app see all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .address import Address
from .errors import Rejected
from .quotas import Quotas
from .trigger import Caller


@dataclass(frozen=True, slots=True)
class Tenants:
    """`App(tenants=Tenants(claim="tenant"))`."""

    claim: str = "tenant"
    """The claim that names a client's tenant: text without a slash."""
    shared: Collection[str] = ()
    """Kinds whose agents belong to no tenant: every client that has one reaches them."""
    outsiders: bool = False
    """Clients without the claim are let in, and reach all agents that the hook lets them reach, but list none."""
    quotas: Quotas | None = None
    """What all clients of one tenant may do together, besides what each may."""

    def of(self, caller: Caller | None) -> str | None:
        """The tenant of a client; None: it is not held to one. Rejected 403 `no-tenant`: the client has none."""
        if caller is not None and caller.source != "client":
            return None
        found = None if caller is None else caller.claims.get(self.claim)
        if found is None and self.outsiders:
            return None
        if not isinstance(found, str) or not found or "/" in found:
            raise Rejected(
                f"this caller belongs to no tenant: its claim {self.claim!r} must be text without a slash, as the "
                "app's auth hook sets it", code="no-tenant", status=403,
            )  # fmt: skip
        return found

    def check(self, caller: Caller | None, address: Address) -> None:
        """Rejected 403 `other-tenant`: the agent is not of the caller's tenant."""
        tenant = self.of(caller)
        if tenant is None or address.kind in self.shared or address.key.startswith(f"{tenant}/"):
            return
        raise Rejected(
            f"agents of the tenant {tenant} have keys that begin with {tenant + '/'!r}; this one is not of it",
            code="other-tenant", status=403,
        )  # fmt: skip

    def within(self, caller: Caller | None, prefix: str) -> str | None:
        """The prefix of keys that a list may show, narrowed to the caller's own; None: it has none of these."""
        tenant = self.of(caller)
        if tenant is None or prefix.startswith(f"{tenant}/"):
            return prefix
        return f"{tenant}/" if f"{tenant}/".startswith(prefix) else None
