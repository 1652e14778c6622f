"""Which model a chat agent thinks with. Loads pydantic-ai."""

from __future__ import annotations

from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel

from roost.errors import AgentError

from .models import RULES, named


def model_of(agent: Any) -> Model[Any]:
    """What its config says, else its class. AgentError `no-model`: there is none of that name."""
    said: Any = getattr(agent.config, "model", None)
    given: Any = said or agent.model
    if given is None and said is not None:
        return named(RULES, agent.config)
    return _model(agent, given)


def _model(agent: Any, given: Any) -> Model[Any]:
    if isinstance(given, str):
        return _named(agent, given)
    if isinstance(given, (list, tuple)):
        names: Any = given  # pyright: ignore[reportUnknownVariableType]
        first, *others = [_model(agent, one) for one in names]
        return FallbackModel(first, *others) if others else first
    if not isinstance(given, Model) and callable(given):
        return _model(agent, given())
    if not isinstance(given, Model):
        raise AgentError(
            f"{type(agent).__name__}.model = {given!r}: it is the name of a model, or one", code="no-model"
        )
    return given  # pyright: ignore[reportUnknownVariableType]


def _named(agent: Any, name: str) -> Model[Any]:
    try:
        return named(name, agent.config)
    except UserError as error:
        raise AgentError(error.message, code="no-model") from error
