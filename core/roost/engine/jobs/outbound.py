"""The Idempotency-Keys of a step's outbound requests: `{id}/{request}/{try}`.

A try gets a number of its own only when the request was answered in the attempt before. After a crash, a cut or a
timeout the key stays, so that a server which has carried the request out says so again. Inside one attempt rule 5
holds: the same request, sent again by a client's own retry, keeps its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ...tick.outbound import Keys
from .unjournaled import Unjournaled


class StepKeys(Keys):
    """Of one attempt."""

    __slots__ = ("_now", "over", "tries")

    def __init__(self, base: str, tries: Mapping[str, int]) -> None:
        super().__init__(quote(base, safe="/:"), self._open)
        self.over = False
        """The attempt is over: what it left behind may not go out for it."""
        self._now = tries
        """Number of a request -> that of its try, where it is not 1."""
        self.tries = {**tries}
        """The same of the next attempt: it goes into the journal with this one."""

    def _open(self) -> None:
        if self.over:
            raise Unjournaled("the step is over: await what it starts before it returns")

    def key(self, method: str, url: str, body: bytes | None) -> str | None:
        key = super().key(method, url, body)
        assert key is not None
        return f"{key}/{self._now.get(key.rpartition('/')[2], 1)}"

    def ended(self, key: str, status: int | None) -> None:
        request, _, _ = key.rpartition("/")
        n = request.rpartition("/")[2]
        if n.isdecimal():
            now = self._now.get(n, 1)
            if status is not None:
                self.tries[n] = now + 1
            elif n in self.tries:  # its answer began, and was cut
                self.tries[n] = now
        super().ended(request, status)
