"""Operators: who may look at a deployment and who may change it, by tokens.

ROOST_ADMIN_TOKEN is one token of the operator `admin`. ROOST_OPERATORS names several, as JSON:

    {"ann": {"tokens": ["...", "..."], "role": "operate"}, "grafana": {"tokens": ["sha256:..."], "role": "read"}}

Two tokens of one operator hold at once while one takes the other's place. Only digests are kept in memory, and all
are compared with what is sent, so that nothing is learnt from the time it takes.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, cast

from pydantic_core import from_json

from .errors import Rejected
from .export_keys import ExportKeys
from .trigger import Caller

READ: Final = "read"
OPERATE: Final = "operate"
ADMIN: Final = "admin"
TOKEN: Final = "ROOST_ADMIN_TOKEN"
NAMED: Final = "ROOST_OPERATORS"
LENGTH: Final = 20
"""Characters of a token, at least."""
DIFFERENT: Final = 8
"""Different characters of it, at least."""
TOKENS: Final = 4
"""Tokens of one operator, at most."""
ADVICE: Final = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Operator:
    """One of them. `digests`: SHA-256 of each token."""

    name: str
    role: str
    digests: tuple[bytes, ...]

    @property
    def caller(self) -> Caller:
        """As handlers see it. Only the role that is less than everything shows."""
        return Caller(self.name, {}, "operator", None, (READ,) if self.role == READ else ())


class Operators:
    """All of a deployment; falsy when there is none."""

    __slots__ = ("_all", "exports")

    def __init__(self, *operators: Operator, exports: ExportKeys | None = None) -> None:
        self.exports = exports or ExportKeys()
        """Sign what operators export."""
        self._all = tuple((one.caller, digest) for one in operators for digest in one.digests)

    def __bool__(self) -> bool:
        return bool(self._all)

    def __repr__(self) -> str:
        return f"Operators({', '.join(sorted({caller.principal for caller, _ in self._all}))})"

    def who(self, token: str | bytes) -> Caller | None:
        """The operator with this token."""
        sent = sha256(token.encode("utf-8", "surrogateescape") if isinstance(token, str) else token).digest()
        found: Caller | None = None
        for caller, digest in self._all:
            if hmac.compare_digest(digest, sent):
                found = caller
        return found

    @classmethod
    def of(cls, given: str | Operators | None) -> Operators:
        """Of one token: the operator `admin`."""
        if isinstance(given, Operators):
            return given
        return cls(Operator(ADMIN, OPERATE, (sha256(given.encode()).digest(),))) if given else cls()

    @classmethod
    def from_environment(cls, given: Mapping[str, str]) -> Operators:
        """Of the variables. Rejected `bad-config`: a token is weak, or what is there can't be read."""
        found: list[Operator] = []
        token = given.get(TOKEN)
        if token:
            found.append(Operator(ADMIN, OPERATE, (_digest(token, TOKEN),)))
        text = given.get(NAMED)
        if text and text.strip():
            found += _named(text)
        seen: dict[bytes, str] = {}
        for one in found:
            for digest in one.digests:
                if seen.setdefault(digest, one.name) != one.name:
                    raise _wrong(f"{NAMED}: {one.name} and {seen[digest]} have the same token")
        return cls(*found, exports=ExportKeys.from_environment(given))


def may_change(caller: Caller | None) -> bool:
    """Whether an operator may do more than look. Of other callers nothing is said."""
    return caller is None or caller.source != "operator" or READ not in caller.roles


def reads_only(caller: Caller) -> Rejected:
    """The refusal of one who may not."""
    return Rejected(
        f"the operator {caller.principal} has the role {READ!r}, and this asks for {OPERATE!r}", code="not-allowed",
        status=403,
    )  # fmt: skip


def weakness(token: str) -> str | None:
    """What is wrong with a token; None: it is strong enough."""
    if len(token) < LENGTH:
        return f"it has {len(token)} characters, and must have {LENGTH}"
    if len(set(token)) < DIFFERENT:
        return f"it has {len(set(token))} different characters, and must have {DIFFERENT}"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "it has characters that a header can't carry"
    return None


def _named(text: str) -> list[Operator]:
    try:
        table: Any = from_json(text)
    except ValueError as error:
        raise _wrong(f"{NAMED} is no JSON: {error}") from None
    if not isinstance(table, dict):
        raise _wrong(f'{NAMED} must be a JSON object: {{"ann": {{"tokens": ["..."], "role": "operate"}}}}')
    return [_operator(name, given) for name, given in cast("dict[str, Any]", table).items()]


def _operator(name: str, given: Any) -> Operator:
    where = f"{NAMED}: {name[:80]!r}"
    if not _NAME.fullmatch(name):
        raise _wrong(f"{where} is no name: letters, digits and . _ @ -, 64 at most")
    if not isinstance(given, dict):
        raise _wrong(f'{where} must be an object with "tokens" and "role"')
    row = cast("dict[str, Any]", given)
    if row.keys() - {"tokens", "role"}:
        raise _wrong(f'{where} has "tokens" and "role", not {", ".join(sorted(row.keys() - {"tokens", "role"}))}')
    role, tokens = row.get("role"), row.get("tokens")
    if role not in (READ, OPERATE):
        raise _wrong(f'{where}: "role" must be "{READ}" or "{OPERATE}"')
    if not isinstance(tokens, list) or not 1 <= len(tokens) <= TOKENS:  # pyright: ignore[reportUnknownArgumentType]
        raise _wrong(f'{where}: "tokens" must be a list of 1 to {TOKENS} texts')
    return Operator(name, role, tuple(_digest(token, where) for token in tokens))  # pyright: ignore[reportUnknownVariableType]


def _digest(token: Any, where: str) -> bytes:
    if not isinstance(token, str):
        raise _wrong(f"{where}: a token is text")
    said = _DIGEST.fullmatch(token)
    if said is not None:
        return bytes.fromhex(said[1])
    weak = weakness(token)
    if weak is not None:
        raise _wrong(f"{where}: a token can be guessed: {weak}; {ADVICE}")
    return sha256(token.encode()).digest()


def _wrong(why: str) -> Rejected:
    return Rejected(why, code="bad-config", status=500)
