"""Bodies of requests: JSON, strictly, in the one shape a route knows. Each refusal names what was wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeGuard

from roost.contract.encoding import ARGUMENTS, DEPTH
from roost.contract.encoding import parse as from_caller
from roost.contract.errors import Rejected

CALL: Final = frozenset({"args", "kwargs"})
_CONTENT: Final = re.compile(r"application/(?:[\w.!#$&^+-]+\+)?json\s*(?:;.*)?\Z", re.IGNORECASE | re.DOTALL)
_FORM: Final = re.compile(r"application/x-www-form-urlencoded\s*(?:;.*)?\Z", re.IGNORECASE | re.DOTALL)
"""What curl and its like declare when they are told nothing."""
_WEB: Final = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})
"""Headers that browsers send and no script of a page can leave out."""
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


LEVELS: Final = DEPTH + ARGUMENTS
"""Arrays and objects within one another in the body of a call, most."""


def parse(body: bytes, levels: int = LEVELS) -> Any:
    """The JSON value of `body`. Rejected 400: bad syntax or UTF-8, NaN, lone surrogates, range. LimitExceeded."""
    return from_caller(body, "the body", levels)


def check_type(content_type: bytes, given: Mapping[bytes, bytes]) -> None:
    """Rejected 415 unless it is JSON, or a type that says nothing from a sender that is no web page.

    `curl -d` declares every body a form. A page can send a form to a foreign site without asking it first, but never
    without Origin or Sec-Fetch-Site; who sends neither runs on somebody's machine, and means what stands in the body.
    """
    shown = content_type.decode("latin-1")
    if _CONTENT.match(shown):
        return
    if _FORM.match(shown) and not (_WEB & given.keys()):
        return
    raise Rejected(
        f"the content type {shown[:100]!r} is not taken here; send application/json",
        code="bad-content-type",
        status=415,
    )


def members(doc: Any, known: Collection[str]) -> Mapping[str, Any]:
    """`doc` itself, an object of `known` members; Rejected 422."""
    if not _is_object(doc):
        raise bad("it must be an object")
    for name in doc:
        if name not in known:
            raise bad(f"there is no member {name[:100]!r}; it may have: {', '.join(sorted(known))}")
    return doc


def arguments(doc: Mapping[str, Any]) -> Arguments:
    """The members `args` and `kwargs`, each optional."""
    args, kwargs = doc.get("args", _NONE), doc.get("kwargs", _NOTHING)
    if not _is_array(args):
        raise bad("`args` must be an array")
    if not _is_object(kwargs):
        raise bad("`kwargs` must be an object")
    return tuple(args), kwargs


_NONE: Final[list[Any]] = []
_NOTHING: Final[dict[str, Any]] = {}


def call(body: bytes) -> Arguments:
    """The arguments of a call; an empty body has none."""
    if not body:
        return (), {}
    return arguments(members(from_caller(body, "the body", LEVELS), CALL))


def bad(why: str) -> Rejected:
    return Rejected(f"the body is wrong: {why}", code="bad-body", status=422)


def _is_object(doc: Any) -> TypeGuard[dict[str, Any]]:
    return type(doc) is dict


def _is_array(doc: Any) -> TypeGuard[list[Any]]:
    return type(doc) is list
