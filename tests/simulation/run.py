"""One seed from start to end: a world is drawn, lived through, brought to rest and judged."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from roost import Agent
from roost.contract.address import Address
from roost.contract.errors import RoostError
from roost.engine.runtime import Runtime
from roost.testing.faults import Fault

from . import loop
from .client import Client, Operator
from .crowded import crowded
from .deploys import Deploy, of_seed
from .final import judge, rest
from .history import History, Violation
from .observer import observe
from .ops import repeats
from .plans import Planner
from .reader import Reader, readers
from .setting import draw
from .stores import STORES
from .toil_plans import JobPlanner, ToldPlanner
from .toiling import telling, toil, toiling
from .world import World

MOST_RUNS: Final = 300
"""Of one op of one agent that does not recur."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    seed: int
    violation: Violation | None
    hash: str
    counts: Counter[str]
    lines: list[str]


class Watcher:
    """Fills `Observer`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.runs: Counter[tuple[str, str]] = Counter()

    def ran(self, agent: Agent[Any], op: str) -> None:
        trigger = agent._tick.trigger  # pyright: ignore[reportPrivateUsage]
        self.world.history.note("run", f"{agent.key} {op}")
        self.runs[agent.key, op] += 1
        if self.runs[agent.key, op] == MOST_RUNS and not repeats(op):
            self.broken("progress", f"{op} of {agent.key} ran {MOST_RUNS} times")
        self.world.history.counts[f"trigger:{trigger.kind}"] += 1
        if trigger.kind == "disconnect" and not self.world.faults.on:
            self.world.model.departed.add((agent.key, op[1:]))

    def rang(self, agent: Agent[Any], op: str, due: float) -> None:
        if due > self.world.now() + 0.0015 and not self.world.model.backwards:
            self.broken("early", f"{agent.key}: {op} was to ring at {due}")

    def heard(self, agent: Agent[Any], cid: str, number: int) -> None:
        """The order is judged when it commits."""

    def answered(self, agent: Agent[Any], op: str, to: str, answer: Mapping[str, Any]) -> None:
        self.world.history.note("asked", f"{agent.key} {op}")
        if answer["token"] not in self.world.model.tokens:
            self.broken("gate", f"{agent.key} was answered {answer}, which is not durable")

    def refused(self, agent: Agent[Any], op: str, to: str, error: RoostError) -> None:
        self.world.history.note(f"ask:{error.code}", f"{agent.key} {op}")
        if to == agent.key and error.code != "ask-cycle":
            self.broken("cycle", f"{agent.key} asked itself: {error.code}")

    def torn(self, token: str, how: str) -> None:
        if self.world.model.shared:  # its host may have lost the agent meanwhile: then it will not commit
            self.world.model.torn[token] = how
        else:
            self.broken("snapshot", how)

    def late(self, token: str, how: str) -> None:
        self.world.model.torn[token] = how

    def broken(self, rule: str, how: str) -> None:
        self.world.history.broken(rule, how)

    def fits(self, token: str) -> bool:
        return token not in self.world.model.refused

    def troubled(self) -> bool:
        return self.world.faults.on

    def reads(self, agent: Agent[Any]) -> None:
        model = self.world.model
        stored = model.life(Address("actor", agent.key)).state_version
        if type(agent).state_version < stored:
            how = f"{agent.key}: older code runs on a state of version {stored}"
            if model.shared:  # its host may have lost the agent meanwhile: then it will not commit
                model.torn[agent.state.token] = how
            else:
                self.broken("deploy", how)

    async def sleep(self, agent: Agent[Any], seconds: float) -> None:
        runtime = agent._roost  # pyright: ignore[reportPrivateUsage]
        assert isinstance(runtime, Runtime)
        await runtime.host.sleep(seconds)


async def _live(world: World, clients: list[Client], operator: Operator, rng: Random, deploy: Deploy) -> None:
    setting = world.setting

    async def go(client: Client, count: int, pace: float) -> None:
        for _ in range(count):
            await asyncio.sleep(rng.choice([0.0, 0.0, 0.2, 1.0, 1.0, 6.0]) * rng.random() * pace)
            await client.act()

    async def trouble() -> None:
        for _ in range(setting.crashes):
            await asyncio.sleep(rng.random() * 12)
            if world.machines:
                world.history.note("fault:host:crash")
                world.kill(rng.choice(world.machines))

    async def clocks() -> None:
        for _ in range(setting.jumps):
            await asyncio.sleep(rng.random() * 15)
            back = setting.backwards and rng.random() < 0.5
            longest = rng.choice([20.0, 20.0, 60.0 if back else 3 * 3600.0])  # set by NTP; or a suspend
            world.jump(rng.random() * (-longest if back else longest))

    work = [go(c, setting.actions, 1.0) for c in clients]
    work += [go(operator, setting.operator, 4.0), trouble(), clocks()]
    await asyncio.gather(*work, deploy(world, operator))


async def _story(world: World, clients: list[Client], operator: Operator, rng: Random, deploy: Deploy) -> None:
    await _live(world, clients, operator, rng, deploy)
    await rest(world, clients)
    for reader in clients:
        if isinstance(reader, Reader):
            await reader.judge()
    await judge(world, clients)
    if world.labours is not None and world.labours.streams is not None:
        await world.labours.streams.judge()


async def _world(
    seed: int, store: str, started: list[History], jobs: bool | None, streams: bool, told: bool | None
) -> Outcome:
    rng = Random(seed)
    maker = STORES[store]
    setting = draw(rng, hosts=maker.hosts)
    time = asyncio.get_running_loop().time
    history = History(time)
    started.append(history)
    faults = setting.faults(rng.getrandbits(32))
    with maker.make(setting, rng, history, faults) as world:
        world.model.backwards |= setting.backwards and setting.jumps > 0

        def struck(call: str, fault: Fault) -> None:
            world.model.trouble += 1
            history.note(f"fault:{call}:{fault}")

        def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            history.broken("defect", f"{context['message']}: {context.get('exception')!r}")

        asyncio.get_running_loop().set_exception_handler(failed)
        faults.watch = struck
        observe(Watcher(world))
        planner: Planner
        if STORES[store].jobs and (toiling(seed) if jobs is None else jobs):
            told = telling(seed) if told is None and jobs is None else bool(told)
            toil(seed, world, streams, told)
            planner = (ToldPlanner if told else JobPlanner)(rng, setting.keys)
        else:
            planner = Planner(rng, setting.keys)
        clients = [Client(world, f"c{i}", planner) for i in range(setting.clients)]
        operator = Operator(world, "op", planner)
        for _ in range(setting.hosts):
            world.boot()
        if world.labours is None:
            clients += readers(seed, world)
        if world.labours is not None and world.labours.telling is not None:
            world.labours.telling.teller = asyncio.ensure_future(world.labours.telling.tell())
        story = asyncio.ensure_future(_story(world, clients, operator, rng, of_seed(seed, maker.hosts)))
        history.over = story.cancel
        if history.violation is None:
            await asyncio.wait((story,))
            if not story.cancelled() and (error := story.exception()) is not None:
                logging.getLogger("roost").error("the simulation itself failed", exc_info=error)
                history.broken("simulation", f"{type(error).__name__}: {error}")
        world.end()
        return Outcome(seed, history.violation, history.hash(), history.counts, history.lines)


def simulate(
    seed: int, store: str = "memory", *, jobs: bool | None = None, streams: bool = False, told: bool | None = None
) -> Outcome:
    """Run one seed. `jobs`: whether its agents have some; None: as the seed says. `streams`: those say what they do.
    `told`: those wait for signals, and ask; None: as the seed says, if that says of jobs too."""
    logging.getLogger("roost").setLevel(logging.CRITICAL)
    started: list[History] = []
    try:
        with crowded(seed):
            return loop.run(_world(seed, store, started, jobs, streams, told))
    except (loop.Spinning, loop.Stuck) as error:
        history = started[0]
        history.broken("progress", (error.__doc__ or "").strip())
        return Outcome(seed, history.violation, history.hash(), history.counts, history.lines)
