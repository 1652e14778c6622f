"""Errors of a model's request as the journal keeps them, and whether the request is sent again.

What is passing (429, 5xx, a cut) is the step's to try again, which honours `Retry-After`; what remains comes to the
body as the class of pydantic-ai that it was, so that an author's `except ModelHTTPError` and a fallback see what they
would see without a journal.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai import exceptions as ai

from roost import Fatal, TransientError

from .transport import refusal

ERROR: Final = "roost:error"
"""The one key of a record that keeps an error instead of a result."""
_RETRIED: Final = (408, 409, 425, 429)
_HOPELESS: Final = (ai.ModelQuotaExceededError, ai.ModelRequestRejectedError)
"""Though their status may be a 429: waiting does not help."""
_CATEGORIES: Final = (
    "ModelRateLimitError", "ModelQuotaExceededError", "ModelOverloadedError", "ModelUnavailableError",
    "ModelServerError", "ModelContextWindowExceededError", "ModelAuthenticationError", "ModelNotFoundError",
    "ModelRequestRejectedError",
)  # fmt: skip
"""Of an HTTP error, the narrower first."""


def passing(error: BaseException) -> TransientError | None:
    """The same as an error that the step is tried again for; None: it would fail again."""
    said = refusal(error)
    if said is not None:
        return said if isinstance(said, TransientError) else None
    several: Any = getattr(error, "exceptions", None)  # all models of a list failed: once one may do, they are tried
    found: list[BaseException] = [error] if several is None else list(several)
    after = [float(getattr(one, "retry_after", None) or 0.0) for one in found if _passes(one)]
    return TransientError(str(error), code="model-busy", retry_after=min(after)) if after else None


def _passes(error: BaseException) -> bool:
    if isinstance(error, ai.ModelAPIError):
        return not isinstance(error, _HOPELESS) and _may_pass(error)
    return isinstance(error, TransientError)


def _may_pass(error: ai.ModelAPIError) -> bool:
    if isinstance(error, ai.ModelHTTPError):
        return error.status_code in _RETRIED or error.status_code >= 500
    return True  # no answer at all, or it was cut


def keep(error: BaseException) -> dict[str, Any] | None:
    """A record of it; None: it is none of pydantic-ai's that the body could get back."""
    if refusal(error) is not None:
        return None
    if isinstance(error, ai.FallbackExceptionGroup):
        kept: list[dict[str, Any]] = []
        for one in error.exceptions:
            found = keep(one)
            if found is None:
                return None
            kept.append(found[ERROR])
        return _record("FallbackExceptionGroup", message=error.message, errors=kept)
    if isinstance(error, ai.ModelHTTPError):
        category = next((name for name in _CATEGORIES if isinstance(error, getattr(ai, name))), None)
        return _record(
            "ModelHTTPError", category=category, status_code=error.status_code, model_name=error.model_name,
            body=_plain(error.body), retry_after=error.retry_after, provider_error_code=error.provider_error_code,
            provider_error_type=error.provider_error_type, in_stream=error.in_stream or None,
        )  # fmt: skip
    if isinstance(error, ai.ModelAPIError):
        return _record(type(error).__name__, model_name=error.model_name, message=error.message)
    if isinstance(error, ai.UnexpectedModelBehavior):
        return _record(type(error).__name__, message=error.message, body=error.body)
    if isinstance(error, (ai.UserError, ai.AgentRunError)):
        return _record(type(error).__name__, message=error.message)
    return None


def raise_kept(record: dict[str, Any]) -> None:
    """Raise what `keep` kept."""
    raise _error(dict(record[ERROR]))


def _error(doc: dict[str, Any]) -> Exception:
    name = doc.pop("type")
    if name == "FallbackExceptionGroup":
        return ai.FallbackExceptionGroup(doc["message"], [_error(dict(one)) for one in doc["errors"]])
    if name == "ModelHTTPError":
        category = doc.pop("category", None)
        found: Any = getattr(ai, category) if category else None
        return ai.ModelHTTPError.for_category(found, **doc)
    kind: Any = getattr(ai, name, None)
    if kind is None:
        return Fatal(f"{name}: {doc.get('message', '')}", code="model-failed")
    try:
        error: Exception = kind(**doc)
    except TypeError:  # a newer one, with a constructor of its own
        return Fatal(f"{name}: {doc.get('message', '')}", code="model-failed")
    return error


def _record(name: str, **said: Any) -> dict[str, Any]:
    return {ERROR: {"type": name, **{key: value for key, value in said.items() if value is not None}}}


def _plain(body: object) -> Any:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(body, fallback=str)
