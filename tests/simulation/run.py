"""One seed from start to end: a world is drawn, lived through, brought to rest and judged."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from roost import Agent
from roost.errors import RoostError
from roost.testing.faults import Fault

from . import loop
from .client import Client, Operator
from .cluster import Cluster
from .final import judge, rest
from .history import History, Violation
from .plans import Planner
from .setting import draw
from .stores import STORES
from .witness import watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    seed: int
    violation: Violation | None
    hash: str
    counts: Counter[str]
    lines: list[str]


class Watcher:
    """Fills `Witness`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def ran(self, agent: Agent[Any], op: str) -> None:
        trigger = agent._tick.trigger  # pyright: ignore[reportPrivateUsage]
        self.cluster.history.note("run", f"{agent.key} {op}")
        self.cluster.history.counts[f"trigger:{trigger.kind}"] += 1

    def rang(self, agent: Agent[Any], op: str, due: float) -> None:
        if due > self.cluster.now() + 0.0015 and not self.cluster.model.backwards:
            self.broken("early", f"{agent.key}: {op} was to ring at {due}")

    def heard(self, agent: Agent[Any], cid: str, number: int) -> None:
        """The order is judged when it commits."""

    def answered(self, agent: Agent[Any], op: str, to: str, answer: Mapping[str, Any]) -> None:
        self.cluster.history.note("asked", f"{agent.key} {op}")
        if answer["token"] not in self.cluster.model.tokens:
            self.broken("gate", f"{agent.key} was answered {answer}, which is not durable")

    def refused(self, agent: Agent[Any], op: str, to: str, error: RoostError) -> None:
        self.cluster.history.note(f"ask:{error.code}", f"{agent.key} {op}")
        if to == agent.key and error.code != "ask-cycle":
            self.broken("cycle", f"{agent.key} asked itself: {error.code}")

    def broken(self, rule: str, how: str) -> None:
        self.cluster.history.broken(rule, how)

    def troubled(self) -> bool:
        return self.cluster.faults.on

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _live(cluster: Cluster, clients: list[Client], operator: Operator, rng: Random) -> None:
    setting = cluster.setting

    async def go(client: Client, count: int, pace: float) -> None:
        for _ in range(count):
            await asyncio.sleep(rng.choice([0.0, 0.0, 0.2, 1.0, 1.0, 6.0]) * rng.random() * pace)
            if cluster.history.violation is not None:
                return
            await client.act()

    async def trouble() -> None:
        for _ in range(setting.crashes):
            await asyncio.sleep(rng.random() * 12)
            if cluster.machines:
                cluster.history.note("fault:host:crash")
                cluster.kill(rng.choice(cluster.machines))

    async def clocks() -> None:
        for _ in range(setting.jumps):
            await asyncio.sleep(rng.random() * 15)
            cluster.jump(rng.random() * 20 * (rng.choice([1, -1]) if setting.backwards else 1))

    work = [go(c, setting.actions, 1.0) for c in clients]
    await asyncio.gather(*work, go(operator, setting.operator, 4.0), trouble(), clocks())


async def _world(seed: int, store: str, started: list[History]) -> Outcome:
    rng = Random(seed)
    maker = STORES[store]
    setting = draw(rng, hosts=maker.hosts)
    time = asyncio.get_running_loop().time
    history = History(time)
    started.append(history)
    faults = setting.faults(rng.getrandbits(32))
    with maker.make(setting, rng, faults) as opened:
        cluster = Cluster(setting, opened.store, rng, history, faults)
        cluster.reopen = opened.reopen
        cluster.probe.waits = opened.reopen is not None
        cluster.model.backwards = setting.backwards and setting.jumps > 0

        def struck(call: str, fault: Fault) -> None:
            cluster.model.trouble += 1
            history.note(f"fault:{call}:{fault}")

        def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            history.broken("defect", f"{context['message']}: {context.get('exception')!r}")

        asyncio.get_running_loop().set_exception_handler(failed)
        faults.watch = struck
        watch(Watcher(cluster))
        planner = Planner(rng, setting.keys)
        clients = [Client(cluster, f"c{i}", planner) for i in range(setting.clients)]
        operator = Operator(cluster, "op", planner)
        for _ in range(setting.hosts):
            cluster.boot()
        try:
            await _live(cluster, clients, operator, rng)
            if history.violation is None:
                await rest(cluster, clients)
            if history.violation is None:
                await judge(cluster, clients)
        except Exception as error:
            logging.getLogger("roost").exception("the simulation itself failed")
            history.broken("simulation", f"{type(error).__name__}: {error}")
        for machine in list(cluster.machines):
            machine.host.die()
            machine.runtime.halt()
            machine.timers.stop()
        return Outcome(seed, history.violation, history.hash(), history.counts, history.lines)


def simulate(seed: int, store: str = "memory") -> Outcome:
    """Run one seed."""
    logging.getLogger("roost").setLevel(logging.CRITICAL)
    started: list[History] = []
    try:
        return loop.run(_world(seed, store, started))
    except (loop.Spinning, loop.Stuck) as error:
        history = started[0]
        history.broken("progress", (error.__doc__ or "").strip())
        return Outcome(seed, history.violation, history.hash(), history.counts, history.lines)
