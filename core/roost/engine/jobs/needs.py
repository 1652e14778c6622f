"""What an executor of jobs needs of its host's runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from pydantic import BaseModel

    from ...author.action import Action
    from ...author.kind import Kind
    from ...author.resource import Resource
    from ...contract.address import Address
    from ...contract.commit import Letter
    from ...contract.limits import Limits
    from ...contract.result import TickResult
    from ...contract.stream import Follower
    from ...contract.trigger import Trigger
    from ...fetch import Fetch
    from ...ports import Alarms, Capabilities, Courier, Host, Leases, Store
    from ..cell import Cell


class Follows(Protocol):
    """Who tells connections what jobs say: following.py."""

    def begin(
        self, address: Address, uid: str, who: Follower, local: Callable[[], Any], *, anew: bool = True
    ) -> None: ...


class Needs(Protocol):
    """`roost.engine.runtime.Runtime` fills it."""

    store: Store
    courier: Courier
    alarms: Alarms
    host: Host
    fetch: Fetch
    leases: Leases | None
    limits: Limits
    log: logging.Logger
    restless: bool
    closing: bool
    capabilities: Capabilities
    cells: dict[Address, Cell]

    def following(self) -> Follows: ...
    def kind(self, name: str) -> Kind: ...
    def config_of(self, kind: Kind) -> BaseModel: ...
    async def opened(self, kind: Kind) -> dict[Resource[Any], Any]: ...
    def target(self, to: Address, name: str, internal: bool) -> Action: ...
    def cell(self, address: Address) -> Cell: ...
    async def dispatch(self, address: Address, trigger: Trigger) -> TickResult: ...
    async def park(self, address: Address, letter: Letter) -> None: ...
