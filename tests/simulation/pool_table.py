"""What hosts of a pool share, besides the agents' rows: who lives, who holds what, who rang, what guests came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from roost.contract.address import Address
from roost.contract.commit import AlreadyHandled, Busy, Commit, Committed, Lease, Snapshot
from roost.contract.errors import Conflict, Fenced, TransientError
from roost.hosting.memory import MemoryStore

from .model import Model

TTL = 4.0
MARGIN = 1.0
"""Seconds past its end after which a host is marked dead, and before it when it is not sure any more."""


@dataclass(slots=True)
class HostRow:
    until: float
    dead: bool = False


@dataclass(slots=True)
class Hold:
    """Columns of `head`."""

    holder: str = ""
    rings: int = 0
    heard: int = 0


class PoolTable(MemoryStore):
    """Time is the database's own."""

    def __init__(self, log_limit: int, model: Model, time: Callable[[], float]) -> None:
        super().__init__(log_limit)
        self.model = model
        self.time = time
        self.hosts: dict[str, HostRow] = {}
        self.holds: dict[Address, Hold] = {}
        self.answers: dict[tuple[Address, int], bytes] = {}

    def of(self, address: Address) -> Hold:
        return self.holds.setdefault(address, Hold())

    # Hosts -------------------------------------------------------------------------------------------

    def enter(self, name: str) -> None:
        self.hosts[name] = HostRow(self.time() + TTL)

    def beat(self, name: str) -> bool:
        """False: this incarnation is over."""
        row = self.hosts[name]
        if row.dead or row.until <= self.time():
            return False
        row.until = self.time() + TTL
        return True

    def bury(self) -> None:
        """Mark hosts dead whose time is over."""
        for name, row in self.hosts.items():
            if not row.dead and row.until + MARGIN < self.time():
                row.dead = True
                self.model.history.note("marked-dead", name)

    def living(self, name: str) -> bool:
        return name in self.hosts and not self.hosts[name].dead

    # Agents ------------------------------------------------------------------------------------------

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        if lease is None:
            return await super().load(address)
        hold = self.of(address)
        if hold.holder not in ("", lease.owner) and self.living(hold.holder):
            return Busy(self.hosts[hold.holder].until)
        if not self.living(lease.owner):
            raise TransientError(f"{lease.owner} was marked dead", code="host-over")
        before = self._rows(address).fence
        found = await super().load(address, lease)
        assert isinstance(found, Snapshot)
        if found.fence <= before:
            self.model.broken("fence", f"{address}: {lease.owner} has it under the fence {before} of another")
        self.model.history.note("take", f"{address} fence={found.fence} {lease.owner}")
        taken = hold.holder
        hold.holder = lease.owner
        return replace(found, taken="given" if not taken else "kept" if taken == lease.owner else "dead")

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        rows = self._rows(commit.address)
        guest = None if commit.consumed is None else rows.letters.get(commit.consumed)
        if commit.answer is not None and guest is None:
            if commit.fence < rows.fence:
                raise Fenced(f"{commit.address}: fence {commit.fence} is over")
            raise Conflict(f"{commit.address}: whoever parked the letter {commit.consumed} took it back")
        fence = rows.fence
        done = await super().commit(commit)
        if isinstance(done, Committed):
            if commit.fence != fence:
                self.model.broken("fence", f"{commit.address} v{commit.version}: fence {commit.fence}, held by {fence}")
            if guest is not None and guest.forwarded is not None:
                if commit.answer is None:
                    self.model.broken("answer", f"{commit.address} v{commit.version}: guest {guest.n} has no answer")
                else:
                    self.answers[commit.address, guest.n] = commit.answer
        return done

    def leave(self, address: Address, name: str, released: int, force: bool) -> bool:
        """Give it back; False: somebody rang."""
        hold = self.of(address)
        if hold.holder != name:
            return True
        if hold.rings != hold.heard and not force:
            return False
        self.model.history.note("leave", f"{address} {name}")
        hold.holder = ""
        self.judge(address)
        rows = self._rows(address)
        rows.released = max(rows.released, released)
        return True

    def hear(self, address: Address, name: str, rings: int) -> None:
        """Whoever rang so far is provided for."""
        hold = self.of(address)
        if hold.holder == name:
            hold.heard = max(hold.heard, rings)
            self.judge(address)

    def judge(self, address: Address) -> None:
        """No letter that a host has acknowledged waits where nobody would look, should the holder die now."""
        hold, waits = self.of(address), self.model.life(address).letters.values()
        if (
            hold.rings == hold.heard
            and self._rows(address).armed is None
            and any(x.known and not x.guest and x.op not in self.model.buried for x in waits)
        ):
            self.model.broken("bell", f"{address}: a letter waits, nobody rang, and nothing is armed")

    def ring(self, address: Address) -> str:
        """Who holds it; "": nobody who lives."""
        hold = self.of(address)
        hold.rings += 1
        return hold.holder if self.living(hold.holder) else ""

    def take_out(self, address: Address, n: int) -> bool:
        """A guest is no more, without a commit."""
        rows = self._rows(address)
        if rows.letters.pop(n, None) is None:
            return False
        self.model.life(address).letters.pop(n, None)
        return True

    def wanting(self, now: float, name: str) -> list[Address]:
        """Agents that somebody must look at: rung for or due, and held by this host or by none."""
        out: list[Address] = []
        for address, rows in self._agents.items():
            hold = self.of(address)
            rung = hold.rings != hold.heard
            if hold.holder == name or not self.living(hold.holder):
                if not rung and (rows.armed is None or rows.armed > now):
                    continue
                out.append(address)
        return out
