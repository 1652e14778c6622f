"""The test kit and the conformance suite. Ships with the package, so that anyone can check a deployment."""

from .world import Peer, World, world

__all__ = ["Peer", "World", "world"]
