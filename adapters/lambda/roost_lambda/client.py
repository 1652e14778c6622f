"""The one file that speaks to AWS's SDK: calls of DynamoDB, and which of its errors means what.

The low-level client, made once a process: building it reads the service's model, which costs a cold start most.
Its own retries are off: `Table` retries, because only it knows what may be sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeAlias

from . import services

Item: TypeAlias = dict[str, Any]
"""An item as DynamoDB's wire has it: attribute -> {type: value}."""

CONNECTIONS: Final = 32
TIMEOUT: Final = 4.0
"""Seconds to wait for an answer; DynamoDB answers in milliseconds, or a connection is dead."""
CONFIG: Final[Mapping[str, Any]] = {
    "retries": {"total_max_attempts": 1}, "connect_timeout": 2.0, "read_timeout": TIMEOUT, "tcp_keepalive": True,
    "max_pool_connections": CONNECTIONS, "parameter_validation": False,
}  # fmt: skip


class Refused(Exception):
    """DynamoDB's answer is no: nothing was written."""

    def __init__(self, code: str, message: str, item: Item | None = None, reasons: tuple[Reason, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.item = item
        """What stood in the way of a conditional write."""
        self.reasons = reasons


class Reason:
    """Why one line of a transaction was refused; `code` "None" = it was not."""

    __slots__ = ("code", "item")

    def __init__(self, code: str, item: Item | None) -> None:
        self.code = code
        self.item = item


class Lost(Exception):
    """No answer came: it may have been written or not, or may be still."""


class Calls(Protocol):
    """The seam under `Table`: one call of DynamoDB. Raises Refused and Lost only."""

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]: ...


class Client:
    """Fills `Calls`. botocore blocks, so each call takes a thread for its time."""

    def __init__(self, *, endpoint: str | None = None, region: str | None = None) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        self._client: Any = services.client("dynamodb", config=CONFIG, endpoint=endpoint, region=region)
        self._refused: type[Exception] = ClientError
        self._broken: type[Exception] = BotoCoreError
        self._threads = ThreadPoolExecutor(CONNECTIONS, "dynamodb")

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, operation, params)

    def _call(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**params)
        except self._refused as error:
            raise _refused(getattr(error, "response", {})) from error
        except self._broken as error:
            raise Lost(str(error)) from error
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._threads.shutdown(wait=True)
        self._client.close()


def _refused(response: Mapping[str, Any]) -> Exception:
    error: Mapping[str, Any] = response.get("Error") or {}
    code = str(error.get("Code", "Unknown"))
    meta: Mapping[str, Any] = response.get("ResponseMetadata") or {}
    status: int = meta.get("HTTPStatusCode", 0)
    if status >= 500 and code not in ("ServiceUnavailable", "ThrottlingException"):
        return Lost(f"{code}: {error.get('Message', '')}")
    reasons = tuple(Reason(str(r.get("Code")), r.get("Item")) for r in response.get("CancellationReasons") or ())
    return Refused(code, str(error.get("Message", "")), response.get("Item"), reasons)
