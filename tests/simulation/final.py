"""The end of a run: faults stop, everything comes to rest, and what was promised must be there."""

from __future__ import annotations

import asyncio

from roost.address import Address
from roost.commit import Snapshot
from roost.errors import RoostError

from .client import Client
from .cluster import Cluster
from .plans import TIMES
from .probe import at_once

PATIENCE = 240.0
"""Virtual seconds after the last fault within which all that is under way must have ended."""
LATE = 60.0
CIRCLING = 8
"""Attempts after which letters that ask each other's agents are known to go in circles: see docs/simulation.md."""


async def rest(cluster: Cluster, clients: list[Client]) -> None:
    """No more faults; recurring schedules are taken off; wait."""
    cluster.faults.on = cluster.outside.on = False
    await asyncio.sleep(5.0)  # a host that died is back
    cluster.history.note("rest")
    for i, (address, life) in enumerate(cluster.model.lives.items()):
        if life.exists:
            await clients[0].call(address, f"c-rest{i}", keyed=True, plan=[["calm", *TIMES]])
    await asyncio.sleep(PATIENCE)


async def judge(cluster: Cluster, clients: list[Client]) -> None:
    """What must hold when nothing is under way any more."""
    if any(x.attempts >= CIRCLING for a in cluster.model.lives for x in cluster.probe.sight(a).snapshot.letters):
        cluster.history.note("livelock")
        return
    cluster.history.note("judge")
    for address in list(cluster.model.lives):
        _at_rest(cluster, address)
    if cluster.setting.hosts == 1 and not any(k.startswith("fault:wire") for k in cluster.history.counts):
        _shown(cluster)
    for client in clients:
        for op, address in client.told.items():
            _arrived(cluster, op, address, "was acknowledged")
        for op, (address, generation, token) in list(client.replies.items()):
            await _found_again(cluster, client, op, address, generation, token)
    for envelope in cluster.model.sent.values():
        op = _op(envelope.args)
        if envelope.generation and cluster.model.life(envelope.to).generation > envelope.generation:
            continue  # to itself, and gone
        _arrived(cluster, op, envelope.to, f"left {envelope.sender} with a commit")


def _op(args: bytes) -> str:
    from .life import op_of

    return op_of(args)


def _at_rest(cluster: Cluster, address: Address) -> None:
    model, history = cluster.model, cluster.history
    life = model.life(address)
    after = cluster.probe.sight(address).snapshot
    assert isinstance(after, Snapshot)
    if after.outbox:
        history.broken("outbox", f"{address}: {len(after.outbox)} envelopes are still there: {after.outbox[0].id}")
    if after.letters:
        history.broken("mail", f"{address}: {len(after.letters)} letters still wait: {after.letters[0]}")
    overdue = [s for s in after.schedules if s.at < cluster.now() - LATE]
    if overdue:
        history.broken("overdue", f"{address}: {overdue[0].key} was due {cluster.now() - overdue[0].at:.1f} s ago")
    if after.version != life.version or after.exists != life.exists:
        history.broken("durable", f"{address}: stored {after.version}, the last commit was {life.version}")
    dead = at_once(cluster.probe.dead(address, 0, 1000))
    ops = sorted(_op(d.letter.args) for d in dead)
    if ops != sorted(life.dead.elements()):
        history.broken("dead", f"{address}: dead letters {ops}, should be {sorted(life.dead.elements())}")


def _shown(cluster: Cluster) -> None:
    """Who is connected sees the state as it is."""
    for socket in cluster.open_sockets():
        life = cluster.model.life(socket.address)
        if f"x{socket.cid}" in life.applied and (socket.shown is None or socket.shown[0] != life.n):
            cluster.history.broken("shown", f"{socket.cid} sees {socket.shown}, the state is {life.n} {life.token}")


def _arrived(cluster: Cluster, op: str, address: Address, why: str) -> None:
    model = cluster.model
    life = model.life(address)
    applied = [e for e in model.effects[op] if e[0] == address]
    if not applied and not life.dead[op] and op not in model.buried:
        model.broken("lost", f"the tell {op} to {address} {why}, and is nowhere")
    if op in life.applied and life.dead[op]:
        model.broken("mail", f"the tell {op} to {address} took effect, and is a dead letter")


async def _found_again(
    cluster: Cluster, client: Client, op: str, address: Address, generation: int, token: str
) -> None:
    """A keyed result is stored: asking again must find it."""
    life = cluster.model.life(address)
    if life.generation != generation:
        return
    if life.applied.get(op) != token:
        cluster.history.broken("ack", f"{op} at {address} was answered by {token}, stored is {life.applied.get(op)}")
    if op[0] != "c":
        return
    try:
        result = await client.dispatch(address, "work", (op, client.plans[op]), op)
    except RoostError as error:
        cluster.history.broken("ack", f"{op} at {address} was answered by {token}, and now: {error.code}")
        return
    if result is None or result.get()["token"] != token:
        cluster.history.broken("ack", f"{op} at {address} was answered by {token}, and now otherwise")
