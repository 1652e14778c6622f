"""The port `Courier`: other agents are other objects, reached through stubs."""

from __future__ import annotations

from roost.contract.address import Address
from roost.contract.commit import Envelope
from roost.contract.trigger import Trigger
from roost.ports import Host

from . import message
from .interop import Namespace
from .registry import LISTED, Registries


class ObjectCourier:
    """Carries envelopes and asks. What the platform loses is sent again; the receiver's inbox knows the ids."""

    def __init__(self, agents: Namespace, registries: Registries, host: Host) -> None:
        self._agents = agents
        self._host = host
        self._registries = registries

    async def deliver(self, envelope: Envelope) -> None:
        if envelope.to.kind == LISTED:
            await self._registries.put(envelope.args)
        else:
            message.answer_in(await self._agents.ask(str(envelope.to), message.envelope_out(envelope)))

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        text = message.ask_out(address, trigger, self._host.monotonic())
        return message.answer_in(await self._agents.ask(str(address), text))
