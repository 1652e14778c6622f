"""What all cells of one host share: the app, its ports and limits, and what an agent's object is given."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..author.agent import AgentServices
from ..author.config import own_copy
from ..author.resource import Resource, Resources, declared
from ..contract.commit import Busy, Snapshot
from ..contract.errors import RoostError, TransientError
from ..system.kinds import find
from ..system.names import MARK
from ..tick.tick import Tick
from .meter import Meter, meter_for
from .retries import Retries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from ..author.agent import Agent
    from ..author.app import App
    from ..author.kind import Kind
    from ..contract.address import Address
    from ..contract.commit import Frame
    from ..ports import Ports
    from .subscribers import Subscriber


class Shared(AgentServices[Tick]):
    """See the file's head; `Runtime` completes it."""

    def __init__(
        self, app: App, ports: Ports, config: Mapping[str, BaseModel] | None = None, *, restless: bool = False
    ) -> None:
        self.app = app
        self.store, self.courier, self.wire = ports.store, ports.courier, ports.wire
        self.alarms, self.host, self.fetch = ports.alarms, ports.host, ports.fetch
        self.leases, self.verify = None if ports.terms is None else ports.terms.leases, ports.verify
        self.limits = app.limits
        self.named = app.auth is not None
        """Clients can be told apart, so one has no more than its share."""
        self.around = app.around
        self.config = dict(config or {})
        self.restless = restless
        self.log = logging.getLogger("roost")
        self.retries = Retries()
        self.subscribers: dict[Address, set[Subscriber]] = {}
        self.resources = Resources(self.host, self.log, app.limits.max_tick)
        self._needs: dict[str, tuple[Resource[Any], ...]] = {k.name: declared(k.cls) for k in app.kinds.values()}
        self.meter: Meter | None = meter_for(app, self.host.monotonic, exposed=False)
        """Counts what callers use of their quotas; None: there are none."""

    def kind(self, name: str) -> Kind:
        """A kind of the app, or of Roost itself; NotFound."""
        found = self.app.kinds.get(name)
        if found is None and name.startswith(MARK):
            found = find(name)
        return found or self.app.kind(name)

    def serves(self, kind: str) -> bool:
        """Whether agents of this kind can run here: a kind may be deployed away."""
        return kind in self.app.kinds or (kind.startswith(MARK) and find(kind) is not None)

    def rouse(self, address: Address, ahead: Snapshot | None = None) -> None:
        """Have an agent look what is due. `ahead`: what its load would find now."""
        raise NotImplementedError

    async def snapshot(self, address: Address) -> Snapshot:
        """The agent as stored; it need not exist."""
        self.kind(address.kind)
        found = await self.store.load(address)
        if isinstance(found, Busy):
            raise TransientError("another host works on this agent", code="busy")
        return found

    async def opened(self, kind: Kind) -> dict[Resource[Any], Any]:
        """The resources of a kind, in use."""
        needs = self._needs.get(kind.name)
        return await self.resources.need(needs) if needs else {}

    @property
    def has_jobs(self) -> bool:
        """Jobs run on this backend."""
        raise NotImplementedError

    def carries(self, address: Address, uid: str) -> bool:
        """This host carries the job out."""
        raise NotImplementedError

    def look_at_jobs(self, address: Address) -> None:
        """Jobs of an agent may be due."""
        raise NotImplementedError

    async def furnish(self, agent: Agent[Any, Any]) -> None:
        """Give a new agent object what is not its state."""
        kind = agent._kind  # pyright: ignore[reportPrivateUsage]
        agent._roost = self  # pyright: ignore[reportPrivateUsage]
        agent.config = self.config_of(kind)
        needs = self._needs.get(kind.name)
        agent._resources = await self.resources.need(needs) if needs else {}  # pyright: ignore[reportPrivateUsage]

    def config_of(self, kind: Kind) -> BaseModel:
        """A kind's config, as a copy that is the agent's own: what one changes no other sees."""
        config = self.config.get(kind.name)
        if config is None:
            config = self.config[kind.name] = kind.config_type()
        return own_copy(config)

    async def send_late(self, address: Address, late: Sequence[Frame]) -> None:
        """Frames that no tick released: refusals."""
        try:
            await self.wire.send(address, late, 0)
        except RoostError as error:
            self.log.warning("%s: frames were lost: %s", address, error.message)
