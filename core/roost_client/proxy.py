"""An agent class as its own client: `typed = client.agent(Counter, "a")`, then `await typed.increment(2)`.

The checker sees the class; at run time only its actions are there, and what they return is converted to the
type they are annotated with, so that a model comes back as a model. Nothing of `roost` is imported: the class
brings its actions with it, marked.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from roost.contract.address import kebab

from .faults import bad_answer
from .handle import AgentHandle
from .stream import Stream
from .wire import encode

MARK: Final = "__roost_action__"
"""The attribute under which `@action` leaves its options."""


def kind_of(kind: str | type[Any]) -> str:
    """The kind of a class, or `kind` itself. Only a `kind` set by the class itself counts."""
    return kind if isinstance(kind, str) else str(vars(kind).get("kind") or kebab(kind.__name__))


class Proxy:
    """An agent of the class `cls`. `timeout` (seconds) and `idempotency_key` hold for each call."""

    __slots__ = ("_cls", "_handle", "_key", "_timeout")

    def __init__(
        self, cls: type[Any], handle: AgentHandle, *, timeout: float | None, idempotency_key: str | None
    ) -> None:
        self._cls = cls
        self._handle = handle
        self._timeout = timeout
        self._key = idempotency_key

    def __repr__(self) -> str:
        return f"<{self._cls.__name__} {self._handle.address.key!r} over HTTP>"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        member = inspect.getattr_static(self._cls, name, None)
        options = getattr(member, MARK, None)
        if options is None:
            what = "is no action" if member is not None else "does not exist"
            raise AttributeError(
                f"{self._cls.__name__}.{name} {what}; from outside an agent has its actions only, "
                "the rest is on client.handle(kind, key)"
            )
        action = str(getattr(options, "name", None) or name)
        streams = inspect.isasyncgenfunction(inspect.unwrap(member))
        result = _result(member, streams=streams)

        async def call(*args: Any, **kwargs: Any) -> Any:
            value = await self._handle.call_with(action, args, kwargs, idempotency_key=self._key, timeout=self._timeout)
            return _convert(result, value, action)

        async def stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            chunks: Stream = self._handle.stream_with(
                action, args, kwargs, idempotency_key=self._key, timeout=self._timeout
            )
            async with chunks:
                async for chunk in chunks:
                    yield _convert(result, chunk, action)

        return stream if streams else call


def _result(member: Any, *, streams: bool) -> TypeAdapter[Any] | None:
    """The type of an action's result, or of one chunk; None when nothing says it."""
    try:
        hint = get_type_hints(inspect.unwrap(member), include_extras=True)["return"]
        if streams:
            hint = get_args(hint)[0]
        return None if hint in (Any, object, type(None)) else TypeAdapter(hint)
    except Exception:  # whatever keeps it from being built, the value is still good as JSON
        return None


def _convert(adapter: TypeAdapter[Any] | None, value: Any, action: str) -> Any:
    if adapter is None:
        return value
    try:
        return adapter.validate_json(encode(value))
    except ValidationError as error:
        raise bad_answer(f"{action}: the result is not what the class says: {error}") from error
