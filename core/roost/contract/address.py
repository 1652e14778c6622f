"""The address of an agent: (kind, key). Kinds are kebab-case; keys are any text of 1 to 512 bytes UTF-8."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote

from .errors import AgentError, LimitExceeded, Rejected

KEY_BYTES: Final = 512
_KIND: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


class Address(NamedTuple):
    """(kind, key). Equal addresses are one agent on every backend."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"

    @property
    def path(self) -> str:
        """The URL path segment pair, percent-encoded."""
        return f"{self.kind}/{quote(self.key, safe='')}"


def kebab(name: str) -> str:
    """The kind of a class, as Cloudflare's Agents SDK spells it: `ChatRoom` -> `chat-room`, `HTTP` -> `http`.

    Source: camelCaseToKebabCase in npm `agents`.
    """
    if name == name.upper() and name != name.lower():
        return name.lower().replace("_", "-")
    out = re.sub(r"[A-Z]", lambda m: "-" + m.group().lower(), name)
    return out.lstrip("-").replace("_", "-").rstrip("-")


def check_kind(kind: str) -> str:
    """`kind` itself, or ValueError: a kind is kebab-case."""
    if not _KIND.match(kind):
        raise ValueError(f"{kind!r} is not a kind: use lower-case letters, digits and single hyphens")
    return kind


def check_key(key: str, limit: int = KEY_BYTES, *, what: str = "an agent's key", status: int | None = None) -> str:
    """`key` itself; Rejected if empty or not encodable, LimitExceeded if longer than `limit` bytes of UTF-8.

    `what` it is for; `status`: of an answer to a URL that is too long for it.
    """
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance] (the agent's code may give anything)
        raise AgentError(f"{what} is text, not {type(key).__name__}", code="bad-key")
    if not key or key in {".", ".."}:  # URL parsers take dot segments out of a path, encoded or not
        raise Rejected(f"{key!r} can't be {what}: it must not be empty, `.` or `..`", code="bad-key")
    if key.isascii():
        size = len(key)
        if "\x00" in key:
            raise Rejected(f"{what} must not hold NUL", code="bad-key")
    else:
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise Rejected(f"{what} must be valid Unicode text", code="bad-key") from None
        if "\x00" in key:
            raise Rejected(f"{what} must not hold NUL", code="bad-key")
    if size > limit:
        raise LimitExceeded(
            f"{what} has at most {limit} bytes of UTF-8; this one has {size}", limit="key", status=status
        )
    return key
