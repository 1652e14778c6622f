"""How long a host has an agent: this one owns it. Hosts that share a store take turns, and answer otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..contract.commit import Commit
    from ..contract.errors import RoostError
    from ..tick.image import Image
    from ..tick.tick import Tick
    from .mailbox import Waiting


class Owned:
    """What a cell does where turns are taken; for an owner there is nothing to do."""

    __slots__ = ()

    def ended(self) -> None:
        """The pump is over."""

    def seal(self, tick: Tick, waiting: Waiting, commit: Commit, error: RoostError | None, value: Any) -> None:
        """Complete a commit before it is planned."""

    def unbelled(self, commit: Commit) -> bool:
        """The platform is to be told of what a planned commit arms before the agent is given back."""
        return False

    def overtaken(self) -> bool:
        """Another host may have the agent by now, and its frames be out: later ones than this host's."""
        return False

    def replies(self, waiting: Waiting) -> bool:
        """Whether it is for this host to reply to a run that committed nothing."""
        return True

    def vanished(self, cid: str) -> None:
        """The wire found a connection gone."""

    def quarantined(self) -> None:
        """Nothing runs here: whoever waits elsewhere must learn it."""

    def retire(self) -> bool:
        """It is idle, or its host ends: whether it may be dropped now. False: it is given back first."""
        return True

    def committed(self) -> Image | None:
        """The image, if it is surely what the store holds; asked of hosts that share it."""
        return None

    def undelivered(self, failures: int) -> bool:
        """A receiver was not reached, so often in a row; whether to give it up until the next load."""
        return False
