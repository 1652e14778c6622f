"""Counts what callers use of their quotas, in the memory of one host.

A rate is kept as one instant (GCRA): when all that was used will have been given back. Memory is bounded: of at most
`CALLERS` callers something is known; whoever has everything back is forgotten first, then the oldest.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from math import floor
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from ..contract import quotas as terms
from ..contract.caller import caller_of, of_network, source_of
from ..contract.quotas import DEFAULT, UNLIMITED, Plan, Quotas, Rate, quota_of

if TYPE_CHECKING:
    from ..author.app import App
    from ..contract.address import Address
    from ..contract.commit import Row, Snapshot
    from ..contract.trigger import Caller

CALLERS: Final = 10_000
ADDRESS: Final = 64
"""Characters that are kept of an address which is none: a header may have said it."""
Who: TypeAlias = tuple[str, str]
"""("client", principal), ("address", remote address) of a client without a name, ("tenant", name), or ("refused",
remote address) of whoever sends credentials that the hook refuses."""
Use: TypeAlias = tuple[str, int]
"""(quota, amount)."""


class Registry(Protocol):
    """Knows which agents exist; the runtime is one."""

    @property
    def cells(self) -> Mapping[Address, Any]: ...
    async def snapshot(self, address: Address) -> Snapshot: ...


class Counts(Protocol):
    """A count that all hosts of a deployment share."""

    async def spend(self, who: Who, name: str, rate: Rate) -> float | None:
        """Use one of the rate. Not None: nothing was used, come again after so many seconds."""
        ...


def who_is(caller: Caller | None, client: str) -> Who | None:
    """Whom to count for; None: nobody, as operators have no quotas. `client`: the remote address, "" unknown."""
    if caller is None:
        return "address", network(client)
    return ("client", caller.principal) if caller.source == "client" else None


def network(client: str) -> str:
    """The address that stands for one client: of IPv6 its /64, which is what one customer is given."""
    try:
        found = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client[:ADDRESS]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Meter:
    """The counts of one host."""

    __slots__ = ("_known", "_seats", "_used", "clock", "counts", "quotas", "refused", "tenants")

    def __init__(
        self,
        quotas: Quotas | Plan,
        clock: Callable[[], float],
        *,
        tenants: Quotas | None = None,
    ) -> None:
        self.quotas = quotas
        self.tenants = tenants
        self.clock = clock
        self.counts: Counts | None = None
        """Of created agents, where the hosts of a deployment share them: its backend sets it."""
        self.refused: Counter[str] = Counter()
        """Refusals by quota."""
        self._used: dict[Who, dict[str, float]] = {}
        self._seats: Counter[Who] = Counter()
        self._known: set[Address] = set()
        """Agents that exist or were counted, as far as was seen."""

    def spend(self, who: Who | None, caller: Caller | None, uses: Sequence[Use], tenant: str | None = None) -> str:
        """Use up all of `uses`, or nothing. LimitExceeded `quota_...`; else the value of the field RateLimit."""
        if who is None:
            return ""
        now = self.clock()
        shown = self._take(who, quota_of(self.quotas, caller), uses, now, "this caller")
        if tenant is not None and self.tenants is not None:
            self._take(("tenant", tenant), self.tenants, uses, now, f"the tenant {tenant}")
        return shown

    def _take(self, who: Who, quotas: Quotas, uses: Sequence[Use], now: float, whose: str) -> str:
        used = self._of(who, now)
        fresh: dict[str, float] = {}
        shown: list[str] = []
        for name, amount in uses:
            rate: Rate | None = getattr(quotas, name)
            if rate is None or not amount:
                continue
            full = max(used.get(name, now), now) + min(amount, rate.amount) * rate.seconds / rate.amount
            over = full - now - rate.seconds
            if over > 1e-9 * rate.seconds:
                self.refused[name] += 1
                raise terms.spent(name, rate, over, whose)
            fresh[name] = full
            shown.append(terms.left(name, _left(rate, full - now), full - now))
        used.update(fresh)
        return ", ".join(shown)

    def _of(self, who: Who, now: float) -> dict[str, float]:
        found = self._used.get(who)
        if found is None:
            if len(self._used) >= CALLERS:
                self._forget(now)
            found = self._used[who] = {}
        return found

    def _forget(self, now: float) -> None:
        for who in [who for who, used in self._used.items() if all(full <= now for full in used.values())]:
            del self._used[who]
        while len(self._used) > CALLERS - CALLERS // 10:
            del self._used[next(iter(self._used))]

    def sit(self, who: Who | None, caller: Caller | None, tenant: str | None = None) -> Callable[[], None]:
        """Take a seat for a WebSocket; call what it returns when that is gone. LimitExceeded `quota_sockets`."""
        if who is None:
            return _nothing
        seats = [(who, quota_of(self.quotas, caller).sockets, "this caller")]
        if tenant is not None and self.tenants is not None:
            seats.append((("tenant", tenant), self.tenants.sockets, f"the tenant {tenant}"))
        for seat, most, whose in seats:
            if most is not None and self._seats[seat] >= most:
                self.refused["sockets"] += 1
                raise terms.seated(most, "here", whose)
        for seat, _, _ in seats:
            self._seats[seat] += 1
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                for seat, _, _ in seats:
                    self._seats[seat] -= 1
                    if self._seats[seat] <= 0:
                        del self._seats[seat]

        return leave

    def room(self, rows: Collection[Row], caller: Caller | None, client: str | None = None) -> None:
        """Whether an agent with these connections takes one more of a client: exact on every backend, as the rows are
        the agent's own. `client`: the network of one without a name. LimitExceeded `quota_sockets`."""
        if caller is not None and caller.source != "client":
            return
        most = quota_of(self.quotas, caller).sockets
        if most is None or len(rows) < most:
            return
        if caller is None:
            held = of_network(client or "")
            count = sum(row.principal is None and row.claims == held for row in rows)
        else:
            own = [row for row in rows if row.principal == caller.principal]
            count = len(own)
            if count >= most:
                count = sum(source_of(caller_of(r.principal, r.claims)) == "client" for r in own)
        if count >= most:
            self.refused["sockets"] += 1
            raise terms.seated(most, "at this agent")

    def check(self, who: Who) -> None:
        """Whether this one has any calls left; uses none. LimitExceeded `quota_calls`."""
        rate, used = quota_of(self.quotas, None).calls, self._used.get(who)
        if rate is not None and used is not None:
            over = used.get("calls", 0.0) + rate.seconds / rate.amount - self.clock() - rate.seconds
            if over > 1e-9 * rate.seconds:
                self.refused["calls"] += 1
                raise terms.spent("calls", rate, over, "this address, whose credentials were refused,")

    async def birth(
        self, runtime: Registry, address: Address, who: Who | None, caller: Caller | None, tenant: str | None = None
    ) -> None:
        """Count the agent if this request would make it. LimitExceeded `quota_created`."""
        if who is None or address in self._known:
            return
        quotas = quota_of(self.quotas, caller)
        of_tenant = None if tenant is None or self.tenants is None else self.tenants.created
        if quotas.created is None and of_tenant is None:
            return
        cell = runtime.cells.get(address)
        known = cell is not None and cell.image is not None and cell.image.version > 0
        if not known:
            found = await runtime.snapshot(address)
            known = found.exists or found.waiting > 0  # whoever told it first has made it
        if not known and self.counts is None:
            self.spend(who, caller, (("created", 1),), tenant)
        elif not known and self.counts is not None:
            await self._count(self.counts, who, quotas.created, "this caller")
            await self._count(self.counts, ("tenant", tenant or ""), of_tenant, f"the tenant {tenant}")
        if len(self._known) >= CALLERS:
            self._known.clear()
        self._known.add(address)

    async def _count(self, counts: Counts, who: Who, rate: Rate | None, whose: str) -> None:
        wait = None if rate is None else await counts.spend(who, "created", rate)
        if rate is not None and wait is not None:
            self.refused["created"] += 1
            raise terms.spent("created", rate, wait, whose)

    def policies(self, caller: Caller | None, uses: Sequence[Use]) -> str:
        """The value of the field RateLimit-Policy."""
        quotas = quota_of(self.quotas, caller)
        found = [(name, getattr(quotas, name)) for name, amount in uses if amount]
        return ", ".join(terms.policy(name, rate) for name, rate in found if rate is not None)

    def figures(self, who: Who | None, caller: Caller | None) -> dict[str, Any]:
        """What is left to a caller here; to an operator: how many callers are known, and what was refused."""
        if who is None:
            return {"callers": len(self._used), "sockets": sum(self._seats.values()), "refused": dict(self.refused)}
        quotas, now = quota_of(self.quotas, caller), self.clock()
        used = self._used.get(who, {})
        found: dict[str, Any] = {
            name: {"limit": r.amount, "seconds": r.seconds, "left": _left(r, max(0.0, used.get(name, now) - now))}
            for name, r in quotas.rates()
        }
        if quotas.sockets is not None:
            found["sockets"] = {"limit": quotas.sockets, "left": max(0, quotas.sockets - self._seats[who])}
        return found


def meter_for(app: App, clock: Callable[[], float], *, exposed: bool) -> Meter | None:
    """The meter of a host; None: nothing is counted. `exposed`: others than this machine can reach the app."""
    quotas = app.quotas if app.quotas is not None else DEFAULT if exposed else UNLIMITED
    tenants = None if app.tenants is None else app.tenants.quotas
    if quotas is UNLIMITED and tenants is None:
        return None
    return Meter(quotas, clock, tenants=tenants)


def _left(rate: Rate, used: float) -> int:
    return max(0, floor((rate.seconds - used) * rate.amount / rate.seconds + 1e-6))


def _nothing() -> None:
    pass
