"""What a call was refused with: the error itself, to be looked at."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from roost.contract.errors import RoostError


async def refusal(call: Awaitable[Any], code: str | None = None) -> RoostError:
    """The RoostError that `call` raises, with that code if one is given; AssertionError if it goes well."""
    found: RoostError | None = None
    answer: Any = None
    try:
        answer = await call
    except RoostError as error:
        found = error
    if found is not None:
        assert code is None or found.code == code, f"refused with {found!r}, not with {code!r}"
        return found
    raise AssertionError(f"it should have been refused{f' with {code}' if code else ''}, but answered {answer!r}")
