"""Load whose every effect can be counted afterwards: what was sent, what was answered, what must be there.

Each operation has an id and a key made of it. Its effects are names in the totals of agents: 1 when applied once.
Asks go to agents of a higher number only: two that ask each other would wait for a deadline.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, TypeAlias

from roost.contract.errors import RoostError
from roost_client import AgentHandle, Client, Connection

AGENTS: Final = 5
Fate: TypeAlias = Literal["unknown", "acknowledged"]


@dataclass(slots=True)
class Operation:
    """One request: how it is sent, and the effects it has: (agent's number, name)."""

    id: str
    agent: int
    steps: list[Any]
    effects: list[tuple[int, str]]
    tell: bool = False
    keyed: bool = True
    fate: Fate = "unknown"

    @property
    def job(self) -> bool:
        return any(step[0] == "job" for step in self.steps)


@dataclass(slots=True)
class Ledger:
    """What one set of agents was asked to do."""

    name: str
    sweep: float = 0.0
    """Seconds after which the platform looks for what a host died before it could ring for."""
    jobs: bool = False
    """The host runs jobs."""
    operations: list[Operation] = field(default_factory=list[Operation])

    @property
    def acknowledged(self) -> int:
        return sum(1 for one in self.operations if one.fate == "acknowledged")

    def key(self, number: int) -> str:
        return f"{self.name}-{number}"

    @property
    def laps(self) -> str:
        """Key of the ledger in which the steps of jobs write."""
        return f"{self.name}-laps"


class Load:
    """Workers that send operations until told to stop. Each takes the next as soon as the last is answered."""

    def __init__(self, client: Client, patient: Client, ledger: Ledger, random: Random) -> None:
        """`client` gives up at once, `patient` repeats by itself."""
        self._client = client
        self._patient = patient
        self._ledger = ledger
        self._random = random
        self._over = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, workers: int) -> None:
        kinds = itertools.cycle((self._http, self._http, self._socket, self._http))
        self._tasks = [asyncio.create_task(next(kinds)(n)) for n in range(workers)]

    def over(self) -> None:
        """Nothing new is begun."""
        self._over = True

    async def ended(self) -> None:
        """Every worker has its last answer, or knows that none comes."""
        async with asyncio.timeout(90):
            await asyncio.gather(*self._tasks)

    async def _http(self, worker: int) -> None:
        while not self._over:
            one = self._next(worker)
            try:
                await send(self._client.agent("player", self._ledger.key(one.agent)), one)
            except RoostError:
                continue
            one.fate = "acknowledged"

    async def _socket(self, worker: int) -> None:
        """One connection, which comes back by itself and sends again what carries a key."""
        handle = self._patient.agent("player", self._ledger.key(worker % AGENTS))
        async with connected(handle, lambda: self._over) as connection:
            while not self._over and connection is not None:
                one = self._next(worker, agent=worker % AGENTS, tell=False, keyed=True)
                try:
                    await connection.call("play", one.steps, idempotency_key=one.id)
                except RoostError:
                    continue
                one.fate = "acknowledged"

    def _next(
        self, worker: int, agent: int | None = None, *, tell: bool | None = None, keyed: bool | None = None
    ) -> Operation:
        random = self._random
        at = random.randrange(AGENTS) if agent is None else agent
        id = f"{self._ledger.name}.{len(self._ledger.operations)}"
        steps: list[Any] = [["add", id, 1], ["record", "op", id]]
        effects = [(at, id)]
        match 3 if self._ledger.jobs and len(self._ledger.operations) < 2 else random.randrange(6):
            case 0:
                other = random.randrange(AGENTS)
                steps.append(["tell", self._ledger.key(other), [["add", f"{id}t", 1]]])
                effects.append((other, f"{id}t"))
            case 1 if at + 1 < AGENTS:
                other = random.randrange(at + 1, AGENTS)
                steps.append(["ask", self._ledger.key(other), [["add", f"{id}q", 1]]])
                effects.append((other, f"{id}q"))
            case 2:
                steps.append(["later", id, round(random.uniform(0.02, 1.5), 3), [["add", f"{id}s", 1]]])
                effects.append((at, f"{id}s"))
            case 3 if self._ledger.jobs:
                steps.append(["job", id, self._ledger.laps])
                effects += [(at, f"{id}j"), (at, f"{id}e")]
            case _:
                pass
        plain = random.random() < 0.15
        one = Operation(
            id, at, steps, effects,
            tell=random.random() < 0.3 if tell is None else tell,
            keyed=not plain if keyed is None else keyed,
        )  # fmt: skip
        self._ledger.operations.append(one)
        return one


async def send(handle: AgentHandle, one: Operation) -> None:
    """Once. RoostError: refused, or nobody knows."""
    key = one.id if one.keyed else None
    do: Callable[..., Coroutine[Any, Any, Any]] = handle.tell if one.tell else handle.call
    await do("play", one.steps, idempotency_key=key)


@asynccontextmanager
async def connected(handle: AgentHandle, over: Callable[[], bool]) -> AsyncGenerator[Connection | None, None]:
    """An open connection; None when the host went before it was open."""
    connection = handle.connect(listen=False)
    try:
        await connection.__aenter__()
    except RoostError:
        if not over():
            raise
        yield None
        return
    try:
        yield connection
    finally:
        await connection.close()
