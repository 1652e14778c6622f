"""What every HTTP request must pass before a route looks at it: one host that is ours, and no header twice that two
readers could understand differently."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from roost.contract.doubled import check_authorization, doubled
from roost.contract.hosts import Hosts

from .asgi import Header

SINGLE: Final = frozenset({
    b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"last-event-id", b"origin",
    b"roost-timeout", b"sec-fetch-site", b"transfer-encoding",
})  # fmt: skip
"""Headers that decide who asks, what for, and where a body ends."""
KNOWN: Final = 256


class Door:
    """The door of one server. `names`: of `App(hosts=[...])`; `loopback`: see roost.contract.hosts."""

    __slots__ = ("_known", "hosts")

    def __init__(self, names: Collection[str], *, loopback: bool) -> None:
        self.hosts = Hosts(names, loopback=loopback)
        self._known: set[bytes | None] = {None}

    def given(self, headers: Iterable[Header]) -> dict[bytes, bytes]:
        """The headers by name. Rejected: see above."""
        pairs = headers if isinstance(headers, list) else list(headers)
        found = dict(pairs)
        if len(found) != len(pairs):
            _refuse_doubled([name for name, _ in pairs])
        host = found.get(b"host")
        if host not in self._known:
            self._check(host)
        authorization = found.get(b"authorization")
        if authorization is not None and b"," in authorization:
            check_authorization(authorization.decode("latin-1"))
        return found

    def _check(self, host: bytes | None) -> None:
        self.hosts.check(None if host is None else host.decode("latin-1"))
        if len(self._known) < KNOWN:
            self._known.add(host)


def _refuse_doubled(names: list[bytes]) -> None:
    for name in sorted(SINGLE.intersection(names)):
        if names.count(name) > 1:
            raise doubled(name.decode())
