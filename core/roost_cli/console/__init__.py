"""The console page of `roost dev`: agents to look at and to play with."""

from .outline import outline, sample
from .site import KEY, Console, Front, link, make_key, signpost

__all__ = ["KEY", "Console", "Front", "link", "make_key", "outline", "sample", "signpost"]
"""`outline` and `sample` serve the greeting of `roost dev` too."""
