"""What a call was refused with: the error itself, to be looked at."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from ..errors import RoostError


async def refusal(call: Awaitable[Any], code: str | None = None) -> RoostError:
    """The RoostError that `call` raises, with that code if one is given; AssertionError if it goes well."""
    try:
        answer = await call
    except RoostError as error:
        assert code is None or error.code == code, f"refused with {error!r}, not with {code!r}"
        return error
    raise AssertionError(f"it should have been refused{f' with {code}' if code else ''}, but answered {answer!r}")
