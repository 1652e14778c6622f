"""The names in `Host` and `Origin`: which of them an app answers to. The same on every backend.

A page of evil.example can give its own name the address of this machine (DNS rebinding). Its requests then are of
"the same origin", and only the name in `Host` tells them from ours: so the name is checked before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from .errors import Rejected

ANY: Final = "*"
KNOWN: Final = 256
"""Headers that are remembered as good."""
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?\Z")
_NAME: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z|\[[0-9A-Fa-f:.]{2,45}\]\Z")
_FOUR: Final = re.compile(r"127(?:\.(?:0|[1-9][0-9]{0,2})){3}\Z")
_ABROAD: Final = frozenset({"cross-site", "same-site"})


def checked_names(names: Collection[str]) -> frozenset[str]:
    """`App(hosts=[...])` in lower case. ValueError: one that is no name."""
    if isinstance(names, str):
        raise ValueError(f"App(hosts={names!r}): it is a list of names")
    for name in names:
        if name != ANY and not _NAME.match(name):
            raise ValueError(
                f"App(hosts=[{name!r}]): a host is a name without scheme and port, such as example.com, "
                '*.example.com, or "*" for any'
            )
    return frozenset(name.lower().strip("[]") for name in names)


def is_loopback_name(name: str) -> bool:
    """Whether a name can mean nothing but this machine: localhost, *.localhost, 127.0.0.0/8, ::1."""
    return name in ("localhost", "::1") or name.endswith(".localhost") or _FOUR.match(name) is not None


def name_in(host: str) -> str:
    """The name in a Host header, in lower case and without the port. Rejected 400 `bad-host`: it holds none."""
    found = _HOST.match(host)
    if found is None:
        raise Rejected(f"the header Host can't be read: {host[:100]!r}", code="bad-host", status=400)
    return (found[1] or found[2].removesuffix(".")).lower()


class Hosts:
    """The hosts that one server of an app answers to.

    `names`: of `App(hosts=[...])`; none = any. `loopback`: it listens on loopback, where names of this machine are
    always good, and nothing else is unless it stands in `names`.
    """

    __slots__ = ("_known", "_loopback", "_names")

    def __init__(self, names: Collection[str], *, loopback: bool) -> None:
        self._names = frozenset(names)
        self._loopback = loopback
        self._known: set[str] = set()

    def check(self, host: str | None) -> None:
        """Rejected `bad-host`: 400 for a header that can't be read, 421 for a name that is not ours. A request without
        the header is none of a browser."""
        if host is None or host in self._known:
            return
        name = name_in(host)
        if not self._answers(name):
            way = "App(hosts=[...])"
            where = "on loopback only names of this machine are answered" if self._loopback else "it is not in the list"
            raise Rejected(
                f"this server does not answer to the host {name[:100]!r}: {where}; add it to {way}",
                code="bad-host", status=421,
            )  # fmt: skip
        if len(self._known) < KNOWN:
            self._known.add(host)

    def _answers(self, name: str) -> bool:
        names = self._names
        if ANY in names or name in names or (not names and not self._loopback):
            return True
        if self._loopback and is_loopback_name(name):
            return True
        parts = name.split(".")
        return any(f"*.{'.'.join(parts[n:])}" in names for n in range(1, len(parts)))


def check_origin(origins: Collection[str], headers: Mapping[str, str]) -> None:
    """Refuse a page of another site; without Origin and Sec-Fetch-Site it is no page. 403 names what to add to
    `App(origins=[...])`. `headers`: of a host that was checked."""
    origin = headers.get("origin")
    if ANY in origins or origin in origins:
        return
    if origin is None:
        if headers.get("sec-fetch-site") not in _ABROAD:
            return
        origin = "elsewhere"
    else:
        scheme, mark, authority = origin.partition("://")
        if scheme and mark and authority and authority == headers.get("host"):
            return
    raise Rejected(
        f"pages of the origin {origin[:200]} may not do this; add it to App(origins=[...])",
        code="bad-origin", status=403,
    )  # fmt: skip
