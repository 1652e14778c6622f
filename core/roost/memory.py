"""The store in memory, under its public name."""

from .hosting.memory import MemoryStore

__all__ = ["MemoryStore"]
