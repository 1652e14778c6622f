"""Doorbells: what `LambdaBackend` needs of AWS besides its table and `Wire`."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from roost.contract.address import Address


class JobBell(NamedTuple):
    """A message that says: carry out this job."""

    address: Address
    uid: str
    due: float = 0.0
    """The job's `due` for which it rings, epoch seconds; 0: for what has just been told to the job."""


class Bells(Protocol):
    """Doorbells: messages that carry an address and a time, and make some host look at that agent.

    At least once, at any time not before `delay`, in no order. Whoever hears one calls `LambdaBackend.drain`.
    RoostError (TransientError) when the message was not taken; it must be durable when `ring` returns.
    """

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        """In `delay` seconds, 0 = now. Up to 900 s: SQS with DelaySeconds, rounded up. Beyond: EventBridge Scheduler,
        which fires 90 s early into a delayed message. One schedule an agent: a later call replaces the former.

        `wake`: what the agent is armed for, if that is what it rings for, epoch seconds; 0: it is not; None: it may
        be. `LambdaBackend.drain` is told.
        """
        ...

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        """As `ring`, in the queue of jobs. Far ones: one schedule a job. Whoever hears it calls `carrying.carry`."""
        ...
