"""A client of a simulated world: calls, tells, repeats, connects, and remembers what it was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.errors import NotFound, RoostError, TransientError
from roost.contract.job_mark import JobMark
from roost.contract.result import TickResult
from roost.contract.trigger import Call, Caller, Destroy, Import, Lane, Nothing, Trigger

from .gateway import Socket
from .ops import Op, is_a
from .plans import Planner
from .world import World

if TYPE_CHECKING:
    from roost.engine.runtime import Runtime

TRIES = 6
MAX_TICK = 25.0
SHORTER = 2.5
"""Seconds by which the deadline of an ask's ask's ask is earlier, most."""


class Client:
    """One caller. `promises`: what it was told is done."""

    def __init__(self, world: World, name: str, planner: Planner) -> None:
        self.world = world
        self.name = name
        self.caller = Caller(name)
        self.planner = planner
        self.rng = planner.rng
        self.sockets: list[Socket] = []
        self.replies: dict[str, tuple[Address, int, str]] = {}
        """Acknowledged op -> (agent, generation then, token of the reply)."""
        self.told: dict[str, Address] = {}
        """Acknowledged tells."""
        self.plans: dict[str, Any] = {}

    def note(self, what: str, text: str) -> None:
        self.world.history.note(what, f"{self.name} {text}")

    def address(self) -> Address:
        return Address("actor", self.planner.key())

    async def act(self) -> None:
        """One thing, drawn."""
        match self.rng.choices(_ACTS, _WEIGHTS)[0]:
            case "call":
                await self.call(self.address(), self.planner.op(Op.CALL), keyed=True)
            case "unkeyed":
                await self.call(self.address(), self.planner.op(Op.UNKEYED), keyed=False)
            case "repeat" if self.replies:
                op = self.rng.choice(list(self.replies))
                await self.call(self.replies[op][0], op, keyed=is_a(op, Op.CALL))
            case "clash" if self.replies:
                await self.clash(self.rng.choice(list(self.replies)))
            case "tell":
                await self.tell()
            case "fail":
                await self.fail()
            case "peek":
                await self.peek()
            case "connect":
                await self.connect()
            case "message" if self.sockets:
                await self.speak(self.rng.choice(self.sockets))
            case "rpc" if self.sockets:
                self.rpc(self.rng.choice(self.sockets))
            case "leave" if self.sockets:
                self.leave(self.sockets.pop(self.rng.randrange(len(self.sockets))))
            case _:
                await self.call(self.address(), self.planner.op(Op.CALL), keyed=True)

    # Calls -------------------------------------------------------------------------------------------

    async def again(self, what: str, attempt: Callable[[Runtime], Coroutine[Any, Any, Any]], tries: int = TRIES) -> Any:
        """Try until it is answered for good; None = given up. RoostError: refused for good."""
        for n in range(tries):
            try:
                machine = self.world.one()
                return await self.world.over(machine, attempt(machine.runtime))
            except TransientError as error:
                self.note("again", f"{what} {error.code}")
                await asyncio.sleep((error.retry_after or 0.1) * (0.5 + n) * self.rng.random())
        return None

    def trigger(self, runtime: Runtime, action: str, args: tuple[Any, ...], key: str | None) -> Trigger:
        deadline = runtime.host.monotonic() + self.rng.choice([3.0, 10.0, 30.0])
        return Trigger("call", Call(action, args), key, caller=self.caller, deadline=deadline)

    async def dispatch(self, address: Address, action: str, args: tuple[Any, ...], key: str | None) -> Any:
        async def attempt(runtime: Runtime) -> TickResult:
            trigger, began = self.trigger(runtime, action, args, key), self.world.loop.time()
            given = (trigger.deadline or 0.0) - runtime.host.monotonic()
            try:
                result = await runtime.dispatch(address, trigger)
                result.raw()
            except TransientError as error:
                if error.code == "deadline" and key is None:  # one with a key joins a run of an earlier deadline
                    self.cut_off(f"{action} {args[:1]}", given, self.world.loop.time() - began)
                raise
            return result

        return await self.again(f"{action} {args[:1]}", attempt, 1 if key is None else TRIES)

    def cut_off(self, what: str, given: float, taken: float) -> None:
        """A call was over by its deadline. What it asked others had the same, half a second less each."""
        if taken < min(given, MAX_TICK) - SHORTER and not self.world.model.shared:
            self.world.history.broken(
                "deadline", f"{what} was given {given:.1f} s, and was cut off after {taken:.1f} s"
            )

    async def call(self, address: Address, op: str, *, keyed: bool, plan: Any = None) -> None:
        """Call `work`; a keyed call may be repeated, an unkeyed one not."""
        if not keyed and op in self.plans:
            return
        plan = self.plans.setdefault(op, self.planner.plan() if plan is None else plan)
        before = self.world.model.life(address).generation
        unfit = bool(self.world.model.refused)
        try:
            result = await self.dispatch(address, "work", (op, plan), op if keyed else None)
        except RoostError as error:
            self.note("call-refused", f"{op} {error.code}")
            if error.code == "quarantined" and (unfit or self.world.model.refused):
                return
            if error.code not in {"ask-cycle", "ask-depth", "agent-error", "no"} and not error.code.startswith("limit"):
                self.world.history.broken("answer", f"{op} at {address}: {error.code}: {error.message}")
            return
        if result is not None:
            self.note("call", f"{op} v{result.version}")
            self.replied(address, before, op, result.get()["token"])

    def replied(self, address: Address, before: int, op: str, token: str) -> None:
        """A reply was seen: it must be durable, and the same as ever before."""
        model = self.world.model
        if token not in model.tokens or (address, token) not in {(a, t) for a, _, t in model.effects[op]}:
            model.broken("gate", f"{op} at {address} was answered by {token}, which is not durable")
        now = model.life(address).generation
        old = self.replies.get(op)
        if old is not None and old[1] == now and old[2] != token:
            model.broken("once", f"{op} at {address} was answered by {old[2]} and now by {token}")
        if before == now:
            self.replies[op] = address, now, token

    async def clash(self, op: str) -> None:
        """The same key for something else: must be refused."""
        address, generation, _ = self.replies[op]
        if not is_a(op, Op.CALL):
            return
        other = self.planner.op(Op.CALL)
        try:
            result = await self.dispatch(address, "work", (other, []), op)
        except RoostError as error:
            self.note("clash-refused", f"{op} {error.code}")
            return
        self.replies.pop(op)  # a fresh agent, or one there was no answer from, may have taken the key for this
        if result is not None and self.world.model.life(address).generation == generation:
            self.world.history.broken("clash", f"the key {op} was taken for {other} too")

    async def fail(self) -> None:
        op = self.planner.op(Op.FAILING)
        how = self.rng.choice(["rejected", "defect", "transient"])
        try:
            result = await self.dispatch(self.address(), "fail", (op, how), op if self.rng.random() < 0.7 else None)
        except RoostError as error:
            self.note("fail", f"{op} {error.code}")
            return
        if result is not None:
            self.world.history.broken("failed", f"{op} must fail and was answered")

    async def peek(self) -> None:
        address = self.address()

        async def attempt(runtime: Runtime) -> TickResult:
            result = await runtime.dispatch(address, self.trigger(runtime, "peek", (), None))
            result.raw()
            return result

        unfit = bool(self.world.model.refused)
        try:
            result = await self.again("peek", attempt, 2)
        except RoostError as error:
            self.note("peek-refused", f"{address} {error.code}")
            if error.code != "quarantined" or not (unfit or self.world.model.refused):
                raise
            return
        if result is not None:
            self.note("peek", f"{address}")
            if result.get()["token"] not in self.world.model.tokens:
                self.world.history.broken("gate", f"{address}: a reader saw {result.get()}, which is not durable")

    async def tell(self) -> None:
        address, op = self.address(), self.planner.op(Op.TELL)
        keyed = self.rng.random() < 0.6
        call = Call("work", (op, self.planner.plan(1)))
        lane: Lane = "urgent" if self.rng.random() < 0.3 else "standard"
        delay = round(self.rng.choice([0.0, 0.0, 0.0, 1.0, 15.0]) * self.rng.random(), 3)

        async def attempt(runtime: Runtime) -> str:
            return await runtime.tell(
                address, call, id=op if keyed else None, caller=self.caller, lane=lane, delay=delay
            )

        if await self.again(f"tell {op}", attempt, TRIES if keyed else 1) is not None:
            self.note("told", op)
            self.told[op] = address

    # Connections -------------------------------------------------------------------------------------

    async def connect(self) -> None:
        try:
            socket = await self.world.connect(self.address())
        except RoostError as error:
            self.note("connect-refused", error.code)
            return
        if socket.open:
            self.sockets.append(socket)

    async def speak(self, socket: Socket) -> None:
        """One to three numbered frames, perhaps out of order: the network may do that where each is a request."""
        if not self.world.served(socket):
            return
        batch: list[str] = []
        for _ in range(self.rng.randint(1, 3)):
            socket.sent += 1
            data = f"{socket.sent}:m{socket.cid}:{socket.sent}"
            batch.append(to_json({"type": "roost_message", "seq": socket.sent, "data": data}).decode())
        if self.world.overtaking and self.rng.random() < 0.4:
            self.rng.shuffle(batch)
            self.note("fault:network:reorder", socket.cid)
        for frame in batch:
            self.note("message", socket.cid)
            self.world.frame(socket, frame)
            if self.rng.random() < 0.2:
                self.note("fault:network:twice", socket.cid)
                self.world.frame(socket, frame)
            if self.rng.random() < 0.2:
                await asyncio.sleep(self.rng.random())
                if not self.world.served(socket):
                    return

    def rpc(self, socket: Socket) -> None:
        if not self.world.served(socket):
            return
        op = self.planner.op(Op.CALL)
        frame = {"type": "rpc", "id": op, "method": "work", "args": [op, self.planner.plan()], "key": op}
        self.note("rpc", f"{socket.cid} {op}")
        self.world.frame(socket, to_json(frame).decode())

    def leave(self, socket: Socket) -> None:
        self.note("leave", socket.cid)
        if socket.open:
            self.world.gateway.drop(socket)


class Operator(Client):
    """Hibernates, destroys, moves and redrives agents, and sets the clocks."""

    async def act(self) -> None:
        address = self.address()
        kind = self.rng.choice(_OPERATIONS)
        self.note(f"operator:{kind}", str(address))
        try:
            if kind == "migrate":
                await self.admin(address, Trigger("migrate", Nothing(), source="admin"))
            elif kind == "hibernate":
                await self.again(kind, lambda r: r.hibernate(address))
            elif kind == "redrive":
                await self.again(kind, lambda r: r.redrive(address, None))
            elif kind == "move":
                await self.move(address)
            else:
                await self.admin(address, Trigger("destroy", Nothing(), source="admin"))
        except NotFound:
            self.note("operator:absent", str(address))
        except RoostError as error:
            self.note("operator:refused", f"{kind} {error.code}")

    async def admin(self, address: Address, trigger: Trigger) -> Any:
        async def attempt(runtime: Runtime) -> Any:
            return (await runtime.dispatch(address, trigger)).get()

        return await self.again(trigger.kind, attempt)

    async def move(self, address: Address) -> None:
        """Export, destroy, import at the same address."""
        document = await self.admin(address, Trigger("export", Nothing(), source="admin"))
        if document is None:
            return
        jobs = tuple(JobMark(x["id"], x["claim"], x["bell"]) for x in document.get("jobs", ()))
        counted = self.world.model.jobs is not None  # nothing that came between is to be lost
        seen = Destroy(document["version"], len(document["letters"]), jobs) if counted else Nothing()
        if await self.admin(address, Trigger("destroy", seen, source="admin")) is not None:
            await self.admin(address, Trigger("import", Import(document), source="admin"))


_OPERATIONS = ("hibernate", "hibernate", "destroy", "move", "redrive", "migrate")
_ACT = {
    "call": 10, "unkeyed": 3, "repeat": 4, "clash": 1.5, "tell": 8, "fail": 2, "peek": 2, "connect": 3, "message": 6,
    "rpc": 3, "leave": 1.2,
}  # fmt: skip
_ACTS = tuple(_ACT)
_WEIGHTS = tuple(_ACT.values())
