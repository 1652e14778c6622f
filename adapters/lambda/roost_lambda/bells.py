"""Doorbells: what `LambdaBackend` needs of AWS besides its table and `Wire`."""

from __future__ import annotations

from typing import Protocol

from roost.contract.address import Address


class Bells(Protocol):
    """Doorbells: messages that make some host look at an agent.

    At least once, at any time not before `delay`, in no order. Whoever hears one calls `LambdaBackend.drain`.
    RoostError (TransientError) when the message was not taken; it must be durable when `ring` returns.
    """

    async def ring(self, address: Address, delay: float, armed: float | None = None) -> None:
        """In `delay` seconds, 0 = now. Up to 900 s: SQS with DelaySeconds, rounded up. Beyond: EventBridge Scheduler,
        which fires 90 s early into a delayed message. One schedule an agent: a later call replaces the former.

        `armed`: the wake it is for, epoch seconds; None: somebody waits, or may be dead. Whoever hears the bell tells
        `drain`: after one for a wake that was put off since, none needs to be sent.
        """
        ...
