"""The forms in which an agent's definition is written, each a strict model; `spec` is the same in all of them.

Whole (`apiVersion`, `kind`, `metadata`, `spec`), flat (`name` beside the fields of the spec) and resource (what a
container's or a cluster's manifest says of the same agent).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from ..budget import Budget
from .words import Duration, Name, Size

WholeVersion: TypeAlias = Literal["roost/v1", "duragent/v1alpha1"]
ResourceVersion: TypeAlias = Literal["roost.dev/v1", "openagents.com/v1"]
BuiltinName: TypeAlias = Literal[
    "notify_user", "http_fetch", "workspace", "run_command", "remember", "recall", "schedule"
]
"""Tools that Roost brings."""
ALIASES: Final = {"claude_code_exec": "run_command"}


def _plain(value: Any) -> Any:
    """A definition is not filled from the environment: `${...}` in it would be sent as it stands."""
    if isinstance(value, str) and "${" in value:
        raise ValueError(
            "${...} is filled in the operator's configuration only, never in a definition: write the value, or have "
            "the operator set it for this kind"
        )
    return value


def _tool(value: Any) -> Any:
    return ALIASES.get(value, value) if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(min_length=1, max_length=200), BeforeValidator(_plain)]
Builtin = Annotated[BuiltinName, BeforeValidator(_tool)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Strict):
    """Which model answers: `name` of `provider`."""

    provider: Text
    name: Text

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> object:
        if isinstance(data, dict) and "base_url" in data:
            raise ValueError(
                "where a provider is, and its key, the operator says: ROOST_<KIND>__PROVIDERS__<PROVIDER>__BASE_URL"
            )
        return cast("object", data)

    @property
    def id(self) -> str:
        """`provider:name`."""
        return f"{self.provider}:{self.name}"


class Session(_Strict):
    """What becomes of a turn when nobody is there any more."""

    on_disconnect: Literal["continue", "pause"] = "continue"
    max_background_runtime: Duration = 1800.0
    output_buffer_size: Annotated[int, Field(ge=1, le=100_000)] = 1000


class Tools(_Strict):
    """Tools that are no file of the folder."""

    builtin: Annotated[tuple[Builtin, ...], Field(max_length=32)] = ()

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> object:
        if isinstance(data, dict) and "mcp" in data:
            raise ValueError("MCP servers can't be used yet: take `mcp` out, and write the tool in tools/*.py")
        return cast("object", data)


class Policy(_Strict):
    """Which tools run, by patterns of their names (`*`, `?`, `[...]`): `deny` comes first, then `ask`, then `allow`."""

    allow: tuple[Pattern, ...] = ()
    ask: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()


class Limits(_Strict):
    """Of an agent of this definition."""

    max_storage_bytes: Annotated[Size | None, Field(alias="maxStorageBytes")] = None
    max_tick_duration: Annotated[Duration | None, Field(alias="maxTickDuration", gt=0, le=25)] = None


class Budgeted(_Strict):
    """What its models may cost: US dollars, or tokens."""

    usd: float | None = None
    tokens: int | None = None
    window: Literal["hour", "day", "month"] | None = None
    scope: Literal["turn", "session", "caller"] = "session"

    @model_validator(mode="after")
    def _one(self) -> Budgeted:
        """As the class has it. ValueError: it bounds nothing."""
        self.budget  # noqa: B018  (it is checked)
        return self

    @property
    def budget(self) -> Budget:
        return Budget(self.usd, self.tokens, self.window, self.scope)


class Spec(_Strict):
    """What an agent is. Paths are relative to the folder."""

    model: Model | None = None
    system_prompt: Annotated[str | None, BeforeValidator(_plain)] = None
    """A path that begins with `./`, or the prompt itself."""
    instructions: str | None = None
    session: Session = Session()
    tools: Tools = Tools()
    policy: Policy = Policy()
    budget: Budgeted | None = None
    limits: Limits = Limits()


class Flat(Spec):
    """The short form."""

    name: Name
    description: str = ""


class Metadata(_Strict):
    """Of the forms with an `apiVersion`."""

    name: Name
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class Whole(_Strict):
    """The form with an `apiVersion`."""

    api_version: Annotated[WholeVersion, Field(alias="apiVersion")]
    kind: Literal["Agent"]
    metadata: Metadata
    spec: Spec


class Amounts(_Strict):
    """Of a container."""

    memory: Size | None = None
    cpu: Annotated[str | int | float | None, Field()] = None


class Resources(_Strict):
    """As Kubernetes has them."""

    requests: Amounts = Amounts()
    limits: Amounts = Amounts()


class Storage(_Strict):
    """A volume."""

    size: Size | None = None
    storage_class: Annotated[Text | None, Field(alias="storageClass")] = None


class ResourceSpec(Spec):
    """What only a container or a cluster can give, beside what an agent is."""

    image: Text | None = None
    config: Limits = Limits()
    resources: Resources | None = None
    storage: Storage | None = None

    @property
    def beyond(self) -> list[str]:
        """The fields that a host without containers can't give."""
        return [name for name in ("image", "resources", "storage") if getattr(self, name) is not None]


class Resource(_Strict):
    """The form of a container's or a cluster's manifest."""

    api_version: Annotated[ResourceVersion, Field(alias="apiVersion")]
    kind: Literal["Agent"]
    metadata: Metadata
    spec: ResourceSpec


Form = Flat | Whole | Resource


def form_of(data: dict[str, Any]) -> type[Form]:
    """Which form this is, told by its `apiVersion`."""
    version = data.get("apiVersion")
    if version is None and "spec" not in data:
        return Flat
    return Resource if version in get_args(ResourceVersion) else Whole
