"""Faults at the client's seam, over the real emulator: what networks, DynamoDB and dying hosts do to one call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from roost_lambda.client import Calls, Lost, Reason, Refused

Fault: TypeAlias = Literal["throttle", "conflict", "answer-lost", "cut", "dead-before", "dead-after", "pause-before",
                           "pause-after"]  # fmt: skip
ERRORS: Final[tuple[Fault, ...]] = ("throttle", "conflict", "answer-lost", "cut")
DEATHS: Final[tuple[Fault, ...]] = ("dead-before", "dead-after")
PAUSES: Final[tuple[Fault, ...]] = ("pause-before", "pause-after")
WRITES: Final = frozenset({"update_item", "transact_write_items", "put_item", "delete_item"})


class Faulty:
    """Fills `Calls`; hurts the call number `at` (from 1). A host that is dead calls nothing any more, for ever."""

    def __init__(self, calls: Calls, fault: Fault | None = None, at: int = 0) -> None:
        self.calls = calls
        self.fault = fault
        self.at = at
        self.count = 0
        self.log: list[str] = []
        self.reached = asyncio.Event()
        """The fault has come."""
        self.go = asyncio.Event()
        """Lets a paused call go on."""
        self.dead = False

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        if self.dead:
            await asyncio.Event().wait()
        self.count += 1
        self.log.append(operation)
        if self.count != self.at or self.fault is None:
            return await self.calls(operation, params)
        self.reached.set()
        if self.fault == "throttle":
            raise Refused("ProvisionedThroughputExceededException", "injected")
        if self.fault == "conflict":
            if operation == "transact_write_items":
                conflict = tuple(Reason("TransactionConflict", None) for _ in params["TransactItems"])
                raise Refused("TransactionCanceledException", "injected", reasons=conflict)
            if operation in WRITES:
                raise Refused("TransactionConflictException", "injected")
            return await self.calls(operation, params)
        if self.fault == "cut":
            raise Lost("injected: not sent")
        if self.fault == "dead-before":
            self.dead = True
            await asyncio.Event().wait()
        if self.fault == "pause-before":
            await self.go.wait()
        answer = await self.calls(operation, params)
        if self.fault == "answer-lost":
            raise Lost("injected: done, and not heard")
        if self.fault == "dead-after":
            self.dead = True
            await asyncio.Event().wait()
        if self.fault == "pause-after":
            await self.go.wait()
        return answer
