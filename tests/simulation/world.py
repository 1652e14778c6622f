"""A simulated world: its clock, its agents as the model knows them, its sockets, and hosts that die and come back."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from roost import App
from roost.contract.address import Address
from roost.contract.commit import DeadLetter
from roost.contract.job import Job
from roost.engine.runtime import Runtime
from roost.testing.clock import EPOCH
from roost.testing.faults import Faults

from . import app
from .gateway import Gateway, Socket
from .history import History
from .host import SimHost
from .labour import Labours
from .life import Sight
from .model import Model
from .outside import Outside

if TYPE_CHECKING:
    from .setting import Setting

T = TypeVar("T")


@dataclass(eq=False)
class Machine:
    """One process."""

    host: SimHost
    runtime: Runtime
    gone: asyncio.Future[None]


class World(ABC):
    """What clients, the operator and the judge see, whatever the hosts are."""

    patience = 240.0
    """Virtual seconds after the last fault within which all that is under way must have ended."""

    def __init__(self, setting: Setting, rng: Random, history: History, faults: Faults) -> None:
        self.loop = asyncio.get_running_loop()
        self.setting = setting
        self.rng = rng
        self.history = history
        self.faults = faults
        self.model = Model(history)
        self.gateway = Gateway(self.model, sticky=setting.sticky)
        self.outside = Outside(history, rng)
        self.machines: list[Machine] = []
        self.booted: int = 0
        self.release: Callable[[], int] = lambda: 1
        """Which version of the app the next host has."""
        self.app: Callable[[int], App] = app.make
        """The app of a version, made anew for each host."""
        self.labours: Labours | None = None
        """Set where agents have jobs."""
        self.skew = 0.0
        self.delivered: set[str] = set()
        """Envelopes whose receiver has them."""

    def now(self) -> float:
        return EPOCH + self.loop.time() + self.skew

    def jump(self, seconds: float) -> None:
        """All clocks are set."""
        self.history.note("fault:clock:jump", f"{seconds:.3f}")
        self.model.trouble += 1
        self.skew += seconds
        for machine in self.machines:
            machine.host.skew += seconds

    def toils(self) -> None:  # noqa: B027
        """Its agents have jobs: said before a host starts. Where hosts own their store nothing is to be done."""

    def calm(self) -> None:
        """No more faults."""
        self.faults.on = self.outside.on = False

    def _defect(self, error: BaseException) -> None:
        self.history.broken("defect", f"a background task failed: {type(error).__name__}: {error}")

    def open_sockets(self) -> Sequence[Socket]:
        return [s for group in self.gateway.sockets.values() for s in group.values()]

    # Hosts -------------------------------------------------------------------------------------------

    @abstractmethod
    def boot(self) -> Machine:
        """Start a host."""

    @abstractmethod
    def kill(self, machine: Machine) -> None:
        """A host dies where it stands; another starts a little later."""

    @abstractmethod
    def end(self) -> None:
        """The run is over: everything stops."""

    @abstractmethod
    def one(self) -> Machine:
        """A host that takes a call; TransientError when there is none."""

    @abstractmethod
    async def over(self, machine: Machine, call: Coroutine[Any, Any, T]) -> T:
        """The result of a call to a host; TransientError when that dies first."""

    # What is stored ----------------------------------------------------------------------------------

    @abstractmethod
    def sight(self, address: Address) -> Sight:
        """What is stored of an agent."""

    @abstractmethod
    def graves(self, address: Address) -> Sequence[DeadLetter]:
        """Its dead letters."""

    @abstractmethod
    def jobs_left(self) -> Sequence[tuple[Address, Job]]:
        """Jobs that live."""

    # Connections -------------------------------------------------------------------------------------

    @abstractmethod
    async def connect(self, address: Address) -> Socket:
        """Open one. RoostError: refused."""

    @abstractmethod
    def served(self, socket: Socket) -> bool:
        """Somebody is at the other end."""

    @property
    @abstractmethod
    def overtaking(self) -> bool:
        """Frames of one connection may overtake each other."""

    @abstractmethod
    def frame(self, socket: Socket, text: str) -> None:
        """The client sends a frame."""
