"""The end of a run: faults stop, everything comes to rest, and what was promised must be there."""

from __future__ import annotations

import asyncio

from roost.contract.address import Address
from roost.contract.commit import Snapshot
from roost.contract.errors import RoostError
from roost.contract.trigger import JOB_TELL

from .app import Plan
from .client import Client
from .life import Parked, op_of
from .ops import Op, is_a
from .plans import TIMES
from .world import World

LATE = 60.0
SUSPENDED = 7200.0
"""Seconds by which the clocks are set when nothing is under way any more: what is due then is due by them alone."""


async def rest(world: World, clients: list[Client]) -> None:
    """No more faults; recurring schedules are taken off; wait."""
    world.calm()
    await asyncio.sleep(5.0)  # a host that died is back
    world.history.note("rest")
    suspended = world.setting.jumps > 0 and not world.model.shared  # there a platform's own clock rings
    for i, (address, life) in enumerate(list(world.model.lives.items())):
        if life.exists:
            plan: Plan = [["calm", *TIMES]]
            if suspended:
                plan.append(["schedule", "far", SUSPENDED * 0.9, f"s-far{i}", []])
            await clients[0].call(address, f"c-rest{i}", keyed=True, plan=plan)
    await asyncio.sleep(world.patience / 2)
    if suspended:
        world.jump(SUSPENDED)
    held = max((job.held_until for _, job in world.jobs_left()), default=0.0)
    if held > world.now():  # an export holds them
        await asyncio.sleep(held - world.now())
    await asyncio.sleep(world.patience / 2)


async def judge(world: World, clients: list[Client]) -> None:
    """What must hold when nothing is under way any more."""
    world.history.note("judge")
    for address in list(world.model.lives):
        _at_rest(world, address)
    if world.model.jobs is not None:
        world.model.jobs.judge(world.jobs_left(), world.now())
    if world.setting.hosts == 1 and not any(k.startswith("fault:wire") for k in world.history.counts):
        _shown(world)
    for client in clients:
        for op, address in client.told.items():
            _arrived(world, op, address, "was acknowledged")
        for op, (address, generation, token) in list(client.replies.items()):
            await _found_again(world, client, op, address, generation, token)
    for envelope in world.model.sent.values():
        if envelope.action == JOB_TELL:
            continue
        op = _op(envelope.args)
        if envelope.generation and world.model.life(envelope.to).generation > envelope.generation:
            continue  # to itself, and gone
        _arrived(world, op, envelope.to, f"left {envelope.sender} with a commit")


def _op(args: bytes) -> str:
    return op_of(args)


def _at_rest(world: World, address: Address) -> None:
    model, history = world.model, world.history
    life = model.life(address)
    after = world.sight(address).snapshot
    assert isinstance(after, Snapshot)
    if after.outbox:
        history.broken("outbox", f"{address}: {len(after.outbox)} envelopes are still there: {after.outbox[0].id}")
    waiting = [x for x in after.letters if not (model.shared and _nobodys(life.letters[x.n]))]
    if waiting:
        history.broken("mail", f"{address}: {len(waiting)} letters still wait: {waiting[0]}")
    overdue = [s for s in after.schedules if s.at < world.now() - LATE]
    if overdue:
        history.broken("overdue", f"{address}: {overdue[0].key} was due {world.now() - overdue[0].at:.1f} s ago")
    if after.version != life.version or after.exists != life.exists:
        history.broken("durable", f"{address}: stored {after.version}, the last commit was {life.version}")
    for row in after.connections:
        if (address.key, row.cid) in model.departed:
            history.broken("departed", f"{address}: {row.cid} was disconnected, and is still on the list")
    dead = world.graves(address)
    ops = sorted(_op(d.letter.args) for d in dead)
    if ops != sorted(life.dead.elements()):
        history.broken("dead", f"{address}: dead letters {ops}, should be {sorted(life.dead.elements())}")


def _nobodys(letter: Parked) -> bool:
    """Its sender was never told that it is there, or is dead: it runs when somebody next looks at the agent."""
    return letter.guest or not letter.known


def _shown(world: World) -> None:
    """Who is connected sees the state as it is."""
    for socket in world.open_sockets():
        life = world.model.life(socket.address)
        if f"{Op.CONNECT}{socket.cid}" in life.applied and (socket.shown is None or socket.shown[0] != life.n):
            world.history.broken("shown", f"{socket.cid} sees {socket.shown}, the state is {life.n} {life.token}")


def _arrived(world: World, op: str, address: Address, why: str) -> None:
    model = world.model
    life = model.life(address)
    applied = [e for e in model.effects[op] if e[0] == address]
    if not applied and not life.dead[op] and op not in model.buried:
        model.broken("lost", f"the tell {op} to {address} {why}, and is nowhere")
    if op in life.applied and life.dead[op]:
        model.broken("mail", f"the tell {op} to {address} took effect, and is a dead letter")


async def _found_again(world: World, client: Client, op: str, address: Address, generation: int, token: str) -> None:
    """A keyed result is stored: asking again must find it."""
    life = world.model.life(address)
    if life.generation != generation:
        return
    if life.applied.get(op) != token:
        world.history.broken("ack", f"{op} at {address} was answered by {token}, stored is {life.applied.get(op)}")
    if not is_a(op, Op.CALL):
        return
    try:
        result = await client.dispatch(address, "work", (op, client.plans[op]), op)
    except RoostError as error:
        world.history.broken("ack", f"{op} at {address} was answered by {token}, and now: {error.code}")
        return
    if result is None or result.get()["token"] != token:
        world.history.broken("ack", f"{op} at {address} was answered by {token}, and now otherwise")
