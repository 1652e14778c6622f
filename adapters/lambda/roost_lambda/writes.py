"""One commit: one conditional update of the head where all fits in it, else one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from roost.contract.address import Address
from roost.contract.commit import AlreadyHandled, Commit, Committed
from roost.contract.errors import Conflict, LimitExceeded, TransientError, Unknown
from roost.contract.refusals import arrived, check, moved_on

from . import keys, rows
from .change import Change
from .client import Item, Refused
from .desk import Desk
from .head import Head, head
from .plan import Plan
from .reads import Reads

if TYPE_CHECKING:
    from roost.contract.job_mark import JobMark


class Writes:
    """Makes commits durable, and settles what became of them."""

    def __init__(self, desk: Desk, reads: Reads) -> None:
        self.desk = desk
        self.table = desk.table
        self.memory = desk.memory
        self.reads = reads
        self._kinds: set[str] = set()

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        address = commit.address
        known = self.memory.of(address)
        found = known.head
        if commit.waiting is not None or commit.jobs_seen is not None:
            found = None  # the bell may have rung since
        if found is None or found.version != commit.base or found.generation != commit.generation:
            found = await self.reads.head(address)
        if commit.state is not None and not found.exists:
            await self._register(address.kind)
        if commit.letters:
            await self._number(commit)
        for _ in range(4):
            refusal = await self._refusal(commit, found)
            if refusal is not None:
                return refusal
            if commit.waiting is not None:
                await self._seen(commit, commit.waiting, found)
            if commit.jobs_seen is not None:
                await self._unmoved(commit, commit.jobs_seen, found)
            done = await self._try(commit, found)
            if isinstance(done, Head):
                found = done
                continue
            return done
        raise Conflict(f"{address}: its head changes faster than it can be read")

    async def _number(self, commit: Commit) -> None:
        """The letters of an import take tickets, like all others."""
        change = Change()
        change.bump("n", len(commit.letters))
        item = await self.table.update(keys.partition(commit.address), keys.TICKETS, change, "UPDATED_NEW")
        first = rows.whole(item, "n") - len(commit.letters) + 1
        commit.letters = tuple(replace(x, n=first + i) for i, x in enumerate(commit.letters))

    async def _refusal(self, commit: Commit, found: Head) -> AlreadyHandled | None:
        """The inbox is looked at first: whoever lost the race for an id also lost that for the version."""
        try:
            check(commit, found.generation, found.version, found.fence, found.exists)
        except Conflict:
            row = commit.handled
            if row is not None:
                self.memory.of(commit.address).head = found
                first = await self.reads.outcome(commit.address, row.source, row.principal, row.id)
                if first is not None and first.expires > commit.at:
                    return AlreadyHandled(first)
            raise
        return None

    async def _seen(self, commit: Commit, known: int, found: Head) -> None:
        """Refused if other letters wait. Of one that is put later the ring tells, for the commit wants the bell as it
        was found; one that has not rung by then finds that the agent was destroyed, and is put anew."""
        waiting = await self.reads.waiting(keys.partition(commit.address), found, None, tr=None)
        if waiting != known:
            raise arrived(commit.address, waiting, known)

    async def _unmoved(self, commit: Commit, seen: Sequence[JobMark], found: Head) -> None:
        """Refused if a job was claimed or told something since; if it is later, its item says so to the commit."""
        from roost.contract.job import mark

        from .job_items import JOB

        items: list[Item] = []
        if found.jobbed is not None:
            items = await self.table.range(keys.partition(commit.address), *keys.whole(f"J#{found.epoch}#"))
        if {mark(JOB.read(x)) for x in items} != set(seen):
            raise moved_on(commit.address)

    async def _try(self, commit: Commit, found: Head) -> Committed | AlreadyHandled | Head:
        """Write it; a head is what stood in the way, to be judged."""
        if commit.jobs:
            await self.reads.jobs(commit.address, found)
        plan = Plan(self.desk, commit, found)
        address = commit.address
        try:
            if plan.many:
                await plan.stage()
            if len(plan.lines) == 1:
                await self.table.update(plan.pk, keys.HEAD, plan.head)
            else:
                await self.table.transact([line.item for line in plan.lines])
        except Refused as refused:
            return self._refused(plan, refused)
        except Unknown:
            return await self._settle(plan)
        except TransientError:
            raise
        plan.done()
        if commit.destroy:
            await self._bury(address, found)
        return Committed(commit.version)

    def _refused(self, plan: Plan, refused: Refused) -> Committed | AlreadyHandled | Head:
        commit = plan.commit
        if refused.code == "ConditionalCheckFailedException":
            reasons: dict[str, Item | None] = {"head": refused.item}
        elif refused.code == "TransactionCanceledException":
            pairs = zip(plan.lines, refused.reasons, strict=False)
            reasons = {line.meaning: r.item for line, r in pairs if r.code == "ConditionalCheckFailed"}
        else:
            reasons = {}
        if not reasons:
            if refused.code in ("ValidationException", "TransactionCanceledException"):
                raise LimitExceeded(
                    f"one tick wrote more than DynamoDB takes at once ({refused})", limit="commit_bytes"
                ) from refused
            raise TransientError(f"DynamoDB refused a commit: {refused}", code="store") from refused
        stood = head(reasons["head"]) if "head" in reasons else None
        if stood is not None and stood.nonce == plan.nonce:
            plan.done()  # it was this commit's own success, whose answer was lost
            return Committed(commit.version)
        if "outcome" in reasons:
            first = rows.handled(reasons["outcome"])
            if first is not None:
                return AlreadyHandled(first)
        if stood is None:
            if "job" in reasons:
                return plan.found
            if "awaited" in reasons:
                raise Conflict(f"{commit.address}: who waited for this took it back", code="withdrawn")
            if "deferred" in reasons:
                plan.commit.deferred = None  # the letter is gone: nothing to put off
                return plan.found
            raise TransientError(f"DynamoDB refused a commit: {refused}", code="store") from refused
        self.memory.of(commit.address).head = stood
        held = self.memory.held.get(commit.address)
        if held is not None and stood.fence != held.fence:
            self.memory.let_go(commit.address)
        if plan.leaving and stood.version == commit.base and stood.fence == plan.found.fence:
            commit.yield_lease = False  # somebody rang: stay
        return stood

    async def _settle(self, plan: Plan) -> Committed | AlreadyHandled:
        """No answer, for long: look whether it happened. Unknown when not even that can be told."""
        stood = await self.reads.head(plan.commit.address)
        if stood.nonce != plan.nonce:
            raise Unknown(f"{plan.commit.address}: the answer to a commit was lost")
        plan.done()
        return Committed(plan.commit.version)

    async def _register(self, kind: str) -> None:
        """The list of kinds, for listings of all: written before the first agent of a kind is."""
        if kind not in self._kinds:
            await self.table.write([rows.bare(keys.REGISTRY, kind)], [])
            self._kinds.add(kind)

    async def _bury(self, address: Address, gone: Head) -> None:
        """Delete the rows of a life that is over. None of them is visible any more; a crash leaves rubbish only."""
        pk = keys.partition(address)
        for prefix in (f"{x}#{gone.epoch}" for x in "SKTPIED"):
            items = await self.table.range(pk, *keys.whole(prefix))
            await self.table.write([], [(pk, x["sk"]["S"]) for x in items if _of(x, prefix)])
        letters = await self.table.range(pk, *keys.whole("M#"))
        await self.table.write([], [(pk, x["sk"]["S"]) for x in letters if gone.owns(x)])
        if gone.jobbed is not None:  # what else is left of jobs goes by its TTL
            jobs = await self.table.range(pk, *keys.whole(f"J#{gone.epoch}#"))
            await self.table.write([], [(pk, x["sk"]["S"]) for x in jobs])


def _of(item: Item, prefix: str) -> bool:
    return item["sk"]["S"][len(prefix) :][:1] in ("#", "~")
