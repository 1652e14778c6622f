"""`JobStream`: what a step of a job says while it runs."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ..contract.encoding import checked, encode, unwritable
from ..contract.errors import AgentError, LimitExceeded
from ..contract.stream import ITEM_BYTES, NAME
from .equality import adapter

T = TypeVar("T")


class Says(Protocol):
    """The step that runs."""

    def say(self, name: str, data: bytes) -> None:
        """Add an item to a stream of the job."""
        ...


class JobStream(Generic[T]):
    """One stream of a job, by name. See `Run.stream`."""

    __slots__ = ("_adapter", "_where", "name")

    def __init__(self, name: str, type: Any, where: Any) -> None:
        if not NAME.fullmatch(name):
            raise AgentError(
                f"run.stream({name!r}): a stream's name has 1 to 64 letters, digits, `_`, `-` and `.`",
                code="bad-stream",
            )
        self.name = name
        self._adapter: TypeAdapter[Any] | None = None if type is Any else adapter(type)
        self._where = where

    def emit(self, item: T, /) -> None:
        """Say something to whoever reads this stream: live at once, and kept. Never waits; call it in a step.

        What a step said that runs again is void: its readers get a reset. AgentError `unjournaled`: called in the body
        itself; `bad-item`: it is no `type`. LimitExceeded `stream_item`, `job_streams`.
        """
        step: Says = self._where(f"stream({self.name!r}).emit")
        step.say(self.name, self._written(item))

    def _written(self, item: T) -> bytes:
        what = f"an item of the stream {self.name}"
        if self._adapter is None:
            data = encode(item, what)
        else:
            try:
                data = checked(self._adapter.dump_json(item, warnings=False, by_alias=True), what)
                self._adapter.validate_json(data, by_alias=True, by_name=True)
            except ValidationError as error:
                raise AgentError(f"{what} is not what it was made for: {error}", code="bad-item") from None
            except (PydanticSerializationError, ValueError, RecursionError) as error:
                raise unwritable(error, what) from error
        if len(data) > ITEM_BYTES:
            raise LimitExceeded(
                f"{what} has {len(data)} bytes; the limit is {ITEM_BYTES}: split it, or keep it elsewhere and say "
                "where it is",
                limit="stream_item",
            )
        return data
