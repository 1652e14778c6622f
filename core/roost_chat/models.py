"""Models by name: `openai:gpt-5-mini`, any endpoint that speaks OpenAI's wire, a list of fallbacks, or none at all.

class Support(Agent[Notes, Models]): ...

ROOST_SUPPORT__MODEL=openai:gpt-5-mini
ROOST_SUPPORT__PROVIDERS__OPENAI__API_KEY=sk-...
ROOST_SUPPORT__PROVIDERS__MINE__BASE_URL=http://127.0.0.1:11434/v1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_core import from_json

if TYPE_CHECKING:
    import httpx
    from pydantic_ai.models import Model

BASE_URLS: Final = {
    "openai": "https://api.openai.com/v1",
    "openai-responses": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "together": "https://api.together.xyz/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "xai": "https://api.x.ai/v1",
    "ollama": "http://127.0.0.1:11434/v1",
}
"""Providers that need no `base_url`."""
KEYLESS: Final = frozenset({"ollama"})
CONFIGURED: Final = "configured"
"""The name of whatever the agent's config says."""
RULES: Final = "rules"
"""The model that is none: it answers by rules, and says so."""


class Provider(BaseModel):
    """Where models of a provider are, and the key for them."""

    base_url: str | None = None
    api_key: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])


class Models(BaseModel):
    """The config of an agent that thinks: use it as it is, or inherit from it. No model: rules answer."""

    model: str | list[str] = ""
    """`provider:name`; of a list the next is asked when the one before fails, in the same step."""
    providers: dict[str, Provider] = Field(default_factory=dict[str, Provider])

    @field_validator("model")
    @classmethod
    def _several(cls, value: str | list[str]) -> str | list[str]:
        """From the environment a list comes as JSON, or with commas."""
        if isinstance(value, str) and value.lstrip().startswith("["):
            found: list[str] = [str(x) for x in from_json(value)]
            return found
        return value


def model(
    name: str | list[str] = CONFIGURED,
    config: Models | None = None,
    client: Callable[[], httpx.AsyncClient] | None = None,
) -> Model:
    """A model that sends its requests through Roost: `provider:name`, several of them (a list, or with commas), or
    what the config says. `client`: whose requests they are where no job runs: `lambda: self.http`.

    UserError: there is no such provider, or its key is missing.
    """
    config = config or Models()
    names = config.model if name in (None, "", CONFIGURED) else name
    if isinstance(names, str):
        names = [x.strip() for x in names.split(",")]
    made = [_one(one, config, client) for one in names or [""]]
    if len(made) == 1:
        return made[0]
    from pydantic_ai.models.fallback import FallbackModel

    return FallbackModel(made[0], *made[1:])


_MADE: list[tuple[str, Models, Model]] = []
"""Those of configs that were seen last: what makes one loads an SDK's client."""


def named(name: str, config: object) -> Model:
    """The same, made once for a name and a config, whose models are sent by the steps that run."""
    said = config if isinstance(config, Models) else Models()
    for known, one, made in _MADE:
        if known == name and one == said:
            return made
    fresh = model(name, said)
    _MADE[:] = [*_MADE[-15:], (name, said, fresh)]
    return fresh


def _one(name: str, config: Models, client: Callable[[], httpx.AsyncClient] | None) -> Model:
    from pydantic_ai.exceptions import UserError

    if name in ("", RULES):
        from .rules import rules

        return rules()
    provider, _, model_name = name.partition(":")
    said = config.providers.get(provider, Provider())
    base_url = said.base_url or BASE_URLS.get(provider)
    if not model_name or base_url is None:
        raise UserError(
            f"the model {name!r}: write provider:name, with a provider of {', '.join(BASE_URLS)}, or one that the "
            f"config's `providers` give a base_url (ROOST_<KIND>__PROVIDERS__{provider.upper() or 'MINE'}__BASE_URL)"
        )
    if said.api_key is None and said.base_url is None and provider not in KEYLESS:
        raise UserError(
            f"the model {name!r}: there is no key for {provider}; set "
            f"ROOST_<KIND>__PROVIDERS__{provider.upper()}__API_KEY, or api_key in the config's providers"
        )
    return _openai(provider, model_name, base_url, said, client)


def _openai(
    provider: str, name: str, base_url: str, said: Provider, client: Callable[[], httpx.AsyncClient] | None
) -> Model:
    """Loads the SDK, which costs a second: when a model is first made."""
    import httpx2
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    from .transport import StepTransport

    sdk = AsyncOpenAI(
        api_key=said.api_key.get_secret_value() if said.api_key is not None else "none",
        base_url=base_url,
        default_headers=said.headers or None,
        max_retries=0,  # a step is tried again: under its key, and after Retry-After
        http_client=httpx2.AsyncClient(transport=StepTransport(client), trust_env=False),
    )
    if provider.endswith("-responses"):
        return OpenAIResponsesModel(name, provider=OpenAIProvider(openai_client=sdk))
    own: Any
    if provider == "openai":
        own = OpenAIProvider(openai_client=sdk)
    else:
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        own = OpenAICompatibleProvider(name=provider, openai_client=sdk)
    return OpenAIChatModel(name, provider=own)
