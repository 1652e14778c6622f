"""The console page of `roost dev`: agents to look at and to play with."""

from .outline import outline, sample
from .site import Console, Front

__all__ = ["Console", "Front", "outline", "sample"]
"""`outline` and `sample` serve the greeting of `roost dev` too."""
