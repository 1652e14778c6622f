"""A store in memory: the reference of the port, and what tests of agents run on."""

from .store import MemoryStore

__all__ = ["MemoryStore"]
