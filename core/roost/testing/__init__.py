"""The test kit and the conformance suite. Ships with the package, so that anyone can check a deployment."""

from .faults import Faults
from .peer import Peer
from .world import World, world

__all__ = ["Faults", "Peer", "World", "world"]
