"""The state at a tick's end: what is stored of it, and whether anything is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from ..author.action import describe
from ..author.equality import difference
from ..contract.encoding import checked, unwritable
from ..contract.errors import AgentError, LimitExceeded

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..author.kind import Kind
    from .image import Image
    from .tick import Tick

Show: TypeAlias = Callable[[bytes], bytes]


def changed(agent: Agent[Any, Any], tick: Tick, show: Show) -> tuple[bytes | None, bytes | None]:
    """The state's bytes if they differ from the committed ones, and their view where the author makes it.

    AgentError names a field that can't be stored, or says that the view fails: what can't be shown is not stored. The
    agent goes on with what those bytes mean, so that hibernating now or later makes no difference. `show` makes the
    view of the state's bytes.
    """
    kind, image, limits, state = tick.kind, tick.image, tick.limits, agent.state
    if not isinstance(state, kind.state_type):
        raise AgentError(
            f"self.state is {type(state).__name__}, not {kind.state_type.__name__}; change its fields, or set it "
            f"to a {kind.state_type.__name__}",
            code="bad-state",
        )
    try:
        raw, typed = kind.to_bytes(state, warnings="error"), True
    except (PydanticSerializationError, ValueError, RecursionError):
        raw, typed = _written(kind, state), False  # not every value is of its declared type
    if raw == image.state:
        if kind.stateful:  # other values may have these bytes: what a serializer rounds off, what a subclass adds
            again = kind.validate(raw)
            if differ(state, again):
                _same(state, again)
            agent.state = again
        return None, None
    checked(raw, "the state")
    try:
        again = kind.validate(raw)
    except ValidationError as error:
        raise AgentError(f"the state can't be stored: {describe(error)}", code="bad-state") from error
    if differ(state, again):
        _same(state, again)
    agent.state = again
    if not typed:  # its bytes are others than those of what they mean, which the next tick would take for a change
        raw = kind.to_bytes(again, warnings=False)
        if raw == image.state:
            return None, None
    if kind.unordered and reordered(kind, again, image):
        return None, None
    shown: bytes | None = None
    if kind.own_view:
        shown = show(raw)
    if len(raw) > limits.state:
        raise LimitExceeded(f"the state has {len(raw)} bytes; the limit is {limits.state}", limit="state")
    size = len(raw if shown is None else shown)
    if size > limits.view:
        raise LimitExceeded(
            f"the view of the state has {size} bytes; the limit is {limits.view}: it must fit one frame. "
            "Override view() to show clients less",
            limit="view",
        )
    return raw, shown


def _same(state: Any, again: Any) -> None:
    """AgentError names a field that is not what its bytes mean."""
    field = difference(state, again)
    if field is not None:
        raise AgentError(
            f"the state can't be stored: {field} would not be read back as it is; give it a value of its declared "
            "type, one that pydantic reads as it writes it",
            code="bad-state",
        )


def _written(kind: Kind, state: Any) -> bytes:
    """The state's bytes, whatever its values are. AgentError: it can't be written."""
    try:
        return kind.to_bytes(state, warnings=False)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise unwritable(error, "the state", "bad-state") from error


def as_committed(kind: Kind, state: Any, image: Image) -> bool:
    """Whether a state is the committed one still."""
    try:
        if kind.to_bytes(state, warnings=False) == image.state:
            return True
        return kind.unordered and reordered(kind, state, image)
    except Exception:  # what was put in can't even be written
        return False


def differ(one: Any, other: Any) -> bool:
    """Whether two models may differ: their fields are compared at once, without pydantic's own detours."""
    return (
        type(one) is not type(other)
        or one.__dict__ != other.__dict__
        or one.__pydantic_extra__ != other.__pydantic_extra__
    )


def reordered(kind: Kind, state: Any, image: Image) -> bool:
    """Whether the state is the committed one: the elements of a set are written in another order by each process."""
    if image.state is None or image.state_version != kind.state_version:
        return False
    return bool(kind.validate(image.state) == state)
