"""`self.agent(Other, key)`: typed as `Other`, at run time a stand-in whose actions ask or can be told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic import ValidationError

from ..contract.address import Address
from ..contract.errors import AgentError, NotSupported
from .action import Action
from .equality import adapter

if TYPE_CHECKING:
    from .kind import Kind


class Asker(Protocol):
    """What carries an ask out: the running tick, or `App.agent` outside any."""

    def ask(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine[Any, Any, Any]: ...
    def stream(self, target: RemoteAction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """NotSupported: from here no stream can be read."""
        ...


class Remote:
    """Another agent. Only its actions can be reached."""

    __slots__ = ("_address", "_asker", "_kind", "_options")

    def __init__(
        self, asker: Asker, kind: Kind, address: Address, timeout: float | None, idempotency_key: str | None
    ) -> None:
        self._asker = asker
        self._kind = kind
        self._address = address
        self._options = (timeout, idempotency_key)

    def __getattr__(self, name: str) -> RemoteAction:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self._kind.attrs.get(name)
        if found is None:
            known = ", ".join(sorted(self._kind.attrs)) or "none"
            raise AgentError(
                f"{self._kind.cls.__name__}.{name} can't be reached from outside: only actions can; "
                f"{self._kind.cls.__name__} has: {known}",
                code="not-an-action",
            )
        return RemoteAction(self._asker, self._address, found, *self._options)

    def __setattr__(self, name: str, value: object) -> None:
        if name in Remote.__slots__:
            object.__setattr__(self, name, value)
            return
        raise AgentError(
            f"{self._address}: another agent's attributes can't be set; call one of its actions", code="not-an-action"
        )

    def __repr__(self) -> str:
        return f"<agent {self._address}>"


class RemoteAction:
    """An action of another agent: await its call to ask, pass it to `tell` to tell."""

    __slots__ = ("_asker", "action", "address", "idempotency_key", "timeout")

    def __init__(
        self, asker: Asker, address: Address, action: Action, timeout: float | None, idempotency_key: str | None
    ) -> None:
        self._asker = asker
        self.address = address
        self.action = action
        self.timeout = timeout
        self.idempotency_key = idempotency_key

    def __call__(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any] | AsyncIterator[Any]:
        if self.action.streams:
            return self._asker.stream(self, args, kwargs)
        return self._asker.ask(self, args, kwargs)

    def unread(self) -> NotSupported:
        """For who is no reader of streams."""
        return NotSupported(
            f"{self.address}.{self.action.name} streams, and one agent can't read another's stream: tell it to send "
            "its result when it is done"
        )

    def __await__(self) -> NoReturn:
        raise AgentError(f"call it: await agent.{self.action.attr}(...)", code="bad-target")

    def __repr__(self) -> str:
        return f"<action {self.address}.{self.action.name}>"


def typed(target: RemoteAction, value: bytes) -> Any:
    """The result as the action's annotation says."""
    if target.action.result is None:
        return None
    try:
        return adapter(target.action.result).validate_json(value, by_alias=True, by_name=True)
    except ValidationError as error:
        raise AgentError(
            f"{target.address}.{target.action.name} answered {value[:80]!r}, not {target.action.result}: "
            "correct the action's return annotation",
            code="bad-result",
        ) from error
