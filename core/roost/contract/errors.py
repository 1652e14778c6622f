"""The error taxonomy and its one status table.

Who is at fault decides the class: the caller (`Rejected`, `NotFound`, `LimitExceeded`), the agent's code
(`AgentError`), or nobody for good (`TransientError`, `Conflict`: the same id may try again). `ERRORS` maps
each class to an HTTP status and a default code; problem documents (RFC 9457) and RPC error frames are
built from it and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

PROBLEM_TYPE: Final = "urn:roost:error:"
"""Prefix of the `type` member of a problem document; the error's code follows."""


class RoostError(Exception):
    """Base of every error Roost raises. `code` is stable kebab-case, `status` an HTTP status."""

    default_code = "internal"
    default_status = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        data: Any = None,
        retry_after: float | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.status = status or self.default_status
        if not 400 <= self.status <= 599:
            raise ValueError(f"{type(self).__name__}(status={status!r}): an error's status is 400 to 599")
        self.data = data
        self.retry_after = retry_after
        """Seconds after which the same request may be tried again; None = don't."""
        self.id = id
        """Names the entry in the log, where the details are; None = nothing is hidden."""
        self.cause: dict[str, str] | None = None
        """What happened, for operators only: never part of `problem`. See engine/blame.py."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, code={self.code!r})"


class AgentError(RoostError):
    """The agent's own code failed. The message to callers names no internals; `id` finds the log entry."""

    default_code = "agent-error"


class Unreadable(AgentError):
    """Something stored can't be read back. It costs itself: a letter dies at once, a value fails whoever reads it."""

    default_code = "unreadable"


class Rejected(RoostError):
    """The caller's fault, said by the author: `raise Rejected("no such seat", code="no-seat", status=409)`."""

    default_code = "rejected"
    default_status = 400


class TransientError(RoostError):
    """Nothing was stored; the same request with the same id may try again after `retry_after` seconds."""

    default_code = "transient"
    default_status = 503

    def __init__(self, message: str, *, retry_after: float = 1.0, **rest: Any) -> None:
        super().__init__(message, retry_after=retry_after, **rest)


class Conflict(TransientError):
    """Another writer was there first (version or fence). Nothing was stored."""

    default_code = "conflict"


class Fenced(Conflict):
    """This host's lease is over and another host took the agent. Nothing was stored."""

    default_code = "fenced"


class Unknown(TransientError):
    """The answer to a commit was lost. Settled by reading the inbox or the version, never by a re-run first."""

    default_code = "unknown"


class LimitExceeded(RoostError):
    """A portable limit was hit. `limit` names it as `roost limits` prints it."""

    default_code = "limit"
    default_status = 422

    def __init__(self, message: str, *, limit: str, **rest: Any) -> None:
        rest.setdefault("code", f"limit-{limit.replace('_', '-')}")
        rest["status"] = rest.get("status") or LIMIT_STATUS.get(limit, self.default_status)
        super().__init__(message, **rest)
        self.limit = limit


class NotSupported(RoostError):
    """This backend lacks the capability. The message names it."""

    default_code = "not-supported"
    default_status = 501


class NotFound(RoostError):
    """No such kind, agent, action or route."""

    default_code = "not-found"
    default_status = 404


class Quarantined(RoostError):
    """The stored state does not validate; ticks are refused until it is migrated or reset."""

    default_code = "quarantined"
    default_status = 423


LIMIT_STATUS: Final[Mapping[str, int]] = {
    "http_body": 413,
    "message_in": 413,
    "arguments": 413,
    "mailbox": 429,
    "mailbox_share": 429,
    "readers": 429,
    "tickets": 429,
}
"""Limits that are the caller's to keep have a status of their own; all others are 422."""

ERRORS: Final[Mapping[str, type[RoostError]]] = {
    cls.default_code: cls
    for cls in (
        RoostError,
        AgentError,
        Unreadable,
        Rejected,
        TransientError,
        Conflict,
        Fenced,
        Unknown,
        LimitExceeded,
        NotSupported,
        NotFound,
        Quarantined,
    )
}
"""The status table: default code -> class, whose `default_status` is the HTTP status."""

RETRYABLE: Final = frozenset({502, 503, 504})
"""Statuses after which the same id may try again."""

TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    413: "Content too large",
    414: "URI too long",
    415: "Unsupported media type",
    421: "Misdirected request",
    422: "Unprocessable content",
    423: "Locked",
    429: "Too many requests",
    431: "Request header fields too large",
    500: "Internal error",
    501: "Not implemented",
    503: "Service unavailable",
}


def problem(error: RoostError) -> dict[str, Any]:
    """The RFC 9457 problem document of `error`; absent members are left out."""
    doc: dict[str, Any] = {
        "type": PROBLEM_TYPE + error.code,
        "title": TITLES.get(error.status, "Error"),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    }
    if error.data is not None:
        doc["data"] = error.data
    if error.id is not None:
        doc["id"] = error.id
    if error.retry_after is not None:
        doc["retry_after"] = error.retry_after
    return doc


def sole(error: BaseException) -> BaseException:
    """The one error of a group that holds one, as task groups raise it; any other error itself."""
    one = error
    while isinstance(one, BaseExceptionGroup):
        held = cast("BaseExceptionGroup[BaseException]", one).exceptions
        if len(held) != 1:
            return one  # pyright: ignore[reportUnknownVariableType] (of what, nobody said)
        one = held[0]
    return one


def from_problem(doc: Mapping[str, Any]) -> RoostError:
    """The error a problem document (or the same members of an RPC error frame) stands for; the inverse of `problem`."""
    code = str(doc.get("code") or "internal")
    status = int(doc.get("status") or 500)
    status = status if 400 <= status <= 599 else 400 if status < 400 else 500
    message = str(doc.get("detail") or doc.get("error") or doc.get("title") or code)
    rest: dict[str, Any] = {"code": code, "status": status, "data": doc.get("data"), "id": doc.get("id")}
    if code.startswith("limit-"):
        limit = code.removeprefix("limit-").replace("-", "_")
        return LimitExceeded(message, limit=limit, retry_after=doc.get("retry_after"), **rest)
    cls = ERRORS.get(code)
    if cls is None:
        cls = TransientError if status in RETRYABLE else AgentError if status >= 500 else Rejected
    if issubclass(cls, TransientError):
        after = doc.get("retry_after")
        return cls(message, retry_after=1.0 if after is None else float(after), **rest)
    return cls(message, retry_after=doc.get("retry_after"), **rest)
