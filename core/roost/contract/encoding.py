"""The one door for values: whatever enters or leaves an agent is JSON that every backend can write and read again.

What passes is at most `DEPTH` levels deep, has no integer of more than `DIGITS` digits, no NaN or infinity, and no text
that UTF-8 can't hold. The depth is pydantic_core's and workerd's: `to_json` writes about 253 levels, `from_json` reads
200, and the stack of a Durable Object ends near 50. What is stored already is read up to 200 levels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from pydantic_core import PydanticSerializationError, from_json, to_json

from .errors import AgentError, LimitExceeded, Rejected, RoostError
from .limits import PORTABLE

DEPTH: Final = int(PORTABLE.depth)
"""Levels of arrays and objects in one value, most: `1` has none, `[1]` one."""
DIGITS: Final = int(PORTABLE.digits)
STORED_DEPTH: Final = 200
"""Levels that are read of what is stored."""
ARGUMENTS: Final = 2
"""Levels that `{"args": [...]}` puts around an argument."""
DOCUMENT: Final = 5
"""Levels that an exported document puts around a value: those of a dead letter's argument."""

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SCALE: Final = bytes.maketrans(b"E123456789", b"e000000000")
_HUGE: Final = (b"e000", b"e+000", b"0" * 300)
"""Where a number may be, its digits told apart no more, that a double can't hold: it would be read as infinity."""
_SHAPE: Final = bytes.maketrans(b"{}", b"[]")
_NO_SHAPE: Final = bytes(c for c in range(256) if c not in b'[]{}"')
_ZEROS: Final = bytes(0x30 if 0x30 <= c <= 0x39 else 0x20 for c in range(256))
_LONG: Final = b"0" * (DIGITS + 1)
_N: Final = ord("N")
_I: Final = ord("I")
_ARRAY: Final = ord("[")
_OBJECT: Final = ord("{")


def encode(value: Any, what: str, levels: int = DEPTH, *, by_alias: bool = True) -> bytes:
    """`value`, which the agent's code made, as JSON. LimitExceeded `depth`, `digits`; AgentError `not-json`."""
    try:
        data = to_json(value, inf_nan_mode="constants", by_alias=by_alias)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise unwritable(error, what) from error
    if len(data) <= 2 * levels and _N not in data and _I not in data:  # nothing can be wrong
        return data
    return checked(data, what, levels)


def checked(data: bytes, what: str, levels: int = DEPTH) -> bytes:
    """`data` itself, JSON just written. LimitExceeded or AgentError: it is not portable."""
    if len(data) <= 2 * levels and _N not in data and _I not in data:  # nothing can be wrong
        return data
    if len(data) > 2 * levels:
        within(data, what, levels)
    if (b"NaN" in data or b"Infinity" in data) and not _finite(data):
        raise AgentError(f"{what} can't be written as JSON: a number in it is not finite", code="not-json")
    return data


def encode_arguments(args: Sequence[Any], kwargs: Mapping[str, Any], what: str, limit: int) -> bytes:
    """{"args", "kwargs"} as JSON, within the limit `arguments`. Fields of models go by their own names."""
    data = encode({"args": args, "kwargs": kwargs}, f"the arguments of {what}", DEPTH + ARGUMENTS, by_alias=False)
    if len(data) > limit:
        raise LimitExceeded(f"the arguments of {what} have {len(data)} bytes; the limit is {limit}", limit="arguments")
    return data


def utf8(text: str, what: str) -> bytes:
    """Text that the agent's code made, as UTF-8; AgentError `not-json` when it holds half a character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise AgentError(f"{what} is not valid Unicode: it holds a lone surrogate", code="not-json") from None


def parse(data: bytes, what: str, levels: int = DEPTH) -> Any:
    """JSON that a caller sent, as a value. LimitExceeded `depth`, `digits`; Rejected 400 `bad-json`: no JSON.

    NaN, infinity and lone surrogates are no JSON.
    """
    if len(data) > 2 * levels:
        within(data, what, levels)
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise Rejected(f"{what} is not JSON: {error}", code="bad-json") from None
    if infinite(data, value):
        raise Rejected(f"{what} is not JSON: a number is out of range", code="bad-json")
    return value


def within(data: bytes, what: str, levels: int) -> None:
    """LimitExceeded: JSON, or what may be JSON, is too deep or has too long a number."""
    if deeper(data, levels):
        raise too_deep(what)
    if len(data) > DIGITS and _long(data):
        raise LimitExceeded(
            f"{what} holds a number of more than {DIGITS} digits, which no backend could read back; make it text",
            limit="digits",
        )


def too_deep(what: str) -> LimitExceeded:
    return LimitExceeded(
        f"{what} is nested more than {DEPTH} levels deep, which not every backend could read back: flatten it, "
        "or make the inner part text",
        limit="depth",
    )


def unwritable(error: Exception, what: str, code: str = "not-json") -> RoostError:
    """What the encoder's error means."""
    if isinstance(error, RecursionError) or "serialization depth" in str(error):
        return too_deep(what)
    return AgentError(f"{what} can't be written as JSON: {error}", code=code)


def deeper(data: bytes, levels: int) -> bool:
    """Whether JSON has more than `levels` levels. Small and flat values cost two counts of bytes."""
    if data.count(_ARRAY) + data.count(_OBJECT) <= levels:
        return False
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # quotes that are left begin or end a text
    shape = data.translate(_SHAPE, _NO_SHAPE).replace(b'""', b"")
    if b'"' in shape:
        shape = _STRING.sub(b"", shape)
    for _ in range(levels):
        if not shape:
            return False
        shape = shape.replace(b"[]", b"")  # the innermost level
    return bool(shape)


def outline(data: bytes) -> bytes:
    """The outermost object or array of JSON, with null for whatever is nested in it."""
    out: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(data):
        mark = token.group()
        if mark in b"[{":
            depth += 1
            if depth == 2:
                out.append(data[start : token.start()])
        elif mark in b"]}":
            depth -= 1
            if depth == 1:
                out.append(b"null")
                start = token.end()
    return b"".join((*out, data[start:])) if depth == 0 else data


def _long(data: bytes) -> bool:
    if _LONG not in data.translate(_ZEROS):
        return False
    return _LONG in _STRING.sub(b'""', data).translate(_ZEROS)


def _finite(data: bytes) -> bool:
    """Whether those words are in texts only."""
    rest = _STRING.sub(b'""', data)
    return b"NaN" not in rest and b"Infinity" not in rest


def infinite(data: bytes, value: Any) -> bool:
    """Whether a number in `data` was too large for a double, and is infinity in its `value`."""
    plain = data.translate(_SCALE)
    exponent, signed, digits = _HUGE
    return (exponent in plain or signed in plain or (len(plain) >= 300 and digits in plain)) and _infinite(value)


def _infinite(value: Any) -> bool:
    if isinstance(value, float):
        return value in (float("inf"), float("-inf"))
    if _is_object(value):
        return any(_infinite(x) for x in value.values())
    return _is_array(value) and any(_infinite(x) for x in value)


def _is_object(doc: Any) -> TypeGuard[dict[str, Any]]:
    return type(doc) is dict


def _is_array(doc: Any) -> TypeGuard[list[Any]]:
    return type(doc) is list
