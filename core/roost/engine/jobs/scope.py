"""What a job's agent object reaches: in the body nothing, in a step what needs no tick.

One object serves the body and its steps: which of them runs is told by the context.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ...author.agent import AgentServices
from ...author.remote import typed
from ...author.work import INSIDE, CallWork, TickWork
from .acting import act
from .unjournaled import Unjournaled

if TYPE_CHECKING:
    from logging import LoggerAdapter

    import httpx

    from ...author.action import Action
    from ...author.remote import RemoteAction
    from ...contract.address import Address
    from ...contract.errors import AgentError
    from .body import Body
    from .needs import Needs
    from .outbound import StepKeys

WAYS: Final = {
    "trigger": ("caller", "pass what it says as an argument of the job"),
    "reader": ("events", "await run.read(self.method) or run.tick(self.method), and read them there"),
    "kv": ("kv", "await run.read(self.method) or run.tick(self.method), and use it there"),
    "random": ("random", "use run.random"),
    "connections": ("connections", "await run.read(self.method), and look at them there"),
    "jobs": ("jobs", "await run.tick(self.method), and look at them there"),
    "emit": ("emit", "run.emit(...) in a step, or Run.current().emit(...), streams what its job says"),
}
"""Members of a tick whose name or way out is another."""
TICK: Final = "await run.tick(self.method, ...), and do it there: a tick is what has the state, and commits"


class StepScope:
    """One attempt of one step. Fills `Scope`."""

    def __init__(
        self,
        runtime: Needs,
        address: Address,
        path: str,
        deadline: float,
        keys: StepKeys,
        say: Callable[[str, bytes], None],
        attempt: int,
    ) -> None:
        self.runtime = runtime
        self.address = address
        self.path = path
        """Names the step: what it does has ids that begin so."""
        self.deadline = deadline
        """By `Host.monotonic`."""
        self.keys = keys
        self._say = say
        self.attempt = attempt
        self.count = 0

    def act(self, work: TickWork | CallWork) -> Coroutine[Any, Any, bytes]:
        """A tick of this agent, or a call of another one: applied once, however often the step runs."""
        self.keys.check()
        self.count += 1
        return act(self.runtime, self.address, f"{self.path}/{self.count}", work, self.deadline)

    def say(self, name: str, data: bytes) -> None:
        """An item of a stream of the job."""
        self.keys.check()
        self._say(name, data)

    def http(self) -> httpx.AsyncClient:
        """Requests of this attempt: each carries its key, none outlives it."""
        self.keys.check()
        return self.runtime.fetch.client(self.keys, self.deadline)

    async def ask(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        what = f"{target.address}.{target.action.name}"
        _, copy = target.action.pack(args, kwargs, what, self.runtime.limits.arguments)
        return typed(target, await self.act(CallWork(target, tuple(copy["args"]), copy["kwargs"])))


def scope(what: str, way: str) -> StepScope:
    """The step that runs. Unjournaled: it is the body that reached for something."""
    found: Any = INSIDE.get()
    if found is None:
        raise Unjournaled(
            f"self.{what} in the body of a job: what it gives would be another when the job is replayed. {way}"
        )
    running: StepScope = found
    running.keys.check()
    return running


class _Asker:
    """Carries out what a step asks of other agents."""

    def stream(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        raise target.unread()

    async def ask(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        way = f"In the body: await run.call(self.agent(...).{target.action.attr}, ...)"
        return await scope(f"agent(...).{target.action.attr}()", way).ask(target, args, kwargs)


class JobTick:
    """Stands where a tick does."""

    def __init__(self, address: Address, body: Body) -> None:
        self.address = address
        self._body = body

    @property
    def at(self) -> float:
        """Epoch seconds."""
        found: Any = INSIDE.get()
        return self._body.now() if found is None else float(found.runtime.host.now())

    def over(self, what: str) -> AgentError:
        return Unjournaled(f"{what} is not there in a job: {TICK}; only reading it: run.read")

    def __getattr__(self, name: str) -> NoReturn:
        what, way = WAYS.get(name, (name, TICK))
        raise Unjournaled(f"self.{what} is not there in a job, neither in its body nor in its steps: {way}")


class JobServices(AgentServices[Any]):
    """Stands where the runtime does."""

    def __init__(self, runtime: Needs, log: LoggerAdapter[Any]) -> None:
        self._runtime = runtime
        self._log = log

    def logger(self, tick: Any) -> LoggerAdapter[Any]:
        return self._log

    def http(self, tick: Any) -> httpx.AsyncClient:
        running = scope("http", "Send it in a step: await run.step(self.method, ...)")
        return running.http()

    def asker(self, tick: Any) -> _Asker:
        return _Asker()

    def target(self, to: Address, name: str, internal: bool) -> Action:
        return self._runtime.target(to, name, internal)

    def journaled(self) -> None:
        """Jobs run here; what starts one is a tick."""


class Reached:
    """Stands where the resources of an agent are."""

    def __init__(self, resources: dict[Any, Any]) -> None:
        self._resources = resources

    def __getitem__(self, resource: Any) -> Any:
        scope(resource.name, "Use it in a step: await run.step(self.method, ...)")
        return self._resources[resource]


class RunLog(logging.LoggerAdapter[Any]):
    """Silent while the body is replayed."""

    def __init__(self, address: Address, job: str, id: str, body: Body) -> None:
        extra = {"agent": str(address), "trigger": f"job:{id}", "kind": "job", "job": job}
        super().__init__(logging.getLogger(f"roost.agent.{address.kind}"), extra)
        self._body = body

    def isEnabledFor(self, level: int) -> bool:
        replayed = self._body.loop.silent and INSIDE.get() is None
        return not replayed and super().isEnabledFor(level)
