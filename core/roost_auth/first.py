"""Several hooks as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from roost import ANONYMOUS, Caller, Credentials, Rejected

from .refusal import MISSING, missing

Hook: TypeAlias = Callable[[Credentials], Awaitable[Caller | None]]


class first_of:
    """Asks the hooks in turn until one knows who calls. What one of them refuses (a token that has expired) is refused:
    only a hook that finds nothing of its kind, 401 `unauthorized`, leaves it to the next."""

    def __init__(self, *hooks: Hook) -> None:
        if not hooks:
            raise TypeError("first_of(...): give it at least one hook")
        self.hooks = hooks

    def __repr__(self) -> str:
        return f"first_of({', '.join(map(repr, self.hooks))})"

    async def __call__(self, credentials: Credentials) -> Caller | None:
        error: Rejected | None = None
        for hook in self.hooks:
            try:
                return await hook(credentials)
            except Rejected as refused:
                if refused.code != MISSING or refused.status != 401:
                    raise
                error = error or refused
        assert error is not None
        raise error


class anonymous:
    """Lets in whoever comes, without a name: `first_of(JWT(...), anonymous("state", "connect"))`.

    `operations`: only for these, as `Credentials.operation` names them, or `call:*` and `tell:*` for any action;
    none: for all.
    """

    def __init__(self, *operations: str) -> None:
        self.operations = operations

    def __repr__(self) -> str:
        return f"anonymous({', '.join(map(repr, self.operations))})"

    async def __call__(self, credentials: Credentials) -> Caller | None:
        asked = credentials.operation
        if not self.operations or asked in self.operations or f"{asked.partition(':')[0]}:*" in self.operations:
            return ANONYMOUS
        raise missing(f"credentials: {asked} is not for callers without a name")
