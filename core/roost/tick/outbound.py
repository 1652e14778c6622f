"""The Idempotency-Keys of one tick's outbound requests (rule 5): the same request keeps its key, another gets its own.

A request is the same when its method, URL and body are those of an earlier one of this tick that failed: no whole
answer came, or one of RETRIED. That is what an SDK's own retry looks like. After any other answer an equal request is
meant to happen again, and gets a key of its own. A body that is made while it is sent can't be compared, so such a
request is never the same.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

RETRIED: Final = frozenset({408, 425, 429})
"""Besides 500 and above: the statuses after which the same request may be tried again. 409 is one only for a key that
was sent before: then it can say that the first try is still under way."""
BUSY: Final = 409


class Keys:
    """Fills the port `Outbound`. A re-run of the trigger sends the same keys, whatever was retried in each run."""

    __slots__ = ("_base", "_check", "_count", "_failed", "_given")

    def __init__(self, base: str | None, check: Callable[[], object]) -> None:
        self._check = check
        self._base = base
        """None: the trigger has no id that a re-run would share."""
        self._count = 0
        self._given: dict[str, tuple[bytes, bool]] = {}
        """Key -> (what was sent, whether it was sent before)."""
        self._failed: dict[bytes, list[str]] = {}
        """What was sent -> the keys of its failed tries, first failed first."""

    @property
    def judged(self) -> bool:
        return True

    def check(self) -> object:
        return self._check()

    def key(self, method: str, url: str, body: bytes | None) -> str | None:
        if self._base is None:
            return None
        sent = b"" if body is None else blake2b(b"\0".join([method.encode(), url.encode(), body])).digest()
        if free := self._failed.get(sent):
            key = free.pop(0)
            self._given[key] = (sent, True)
            return key
        self._count += 1
        key = f"{self._base}/{self._count}"
        self._given[key] = (sent, False)
        return key

    def ended(self, key: str, status: int | None) -> None:
        sent, again = self._given.get(key, (b"", False))  # else it is the author's own
        if not sent or not (status is None or status >= 500 or status in RETRIED or (status == BUSY and again)):
            return
        free = self._failed.setdefault(sent, [])
        if key not in free:
            free.append(key)


class Hooked(Keys):
    """Of the app's own hook, which sends where its author wrote."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None, lambda: None)

    @property
    def judged(self) -> bool:
        return False
