"""The keys of `roost.yaml`, after aliases were brought to one name."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from roost.contract.egress import entry
from roost.contract.quotas import Rate
from roost_chat.definitions.words import Duration, seconds

Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]
_RATE: Final = re.compile(r"(\d{1,15})\s*/\s*(\d.*|ms|s|m|h|d)")


def _listed(value: Any) -> object:
    """Of the environment a list comes as text: its parts with commas between."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _goal(value: str) -> str:
    try:
        entry(value)
    except ValueError as error:
        raise ValueError(str(error).partition("]): ")[2] or str(error)) from None
    return value


def _host(value: Any) -> object:
    """A name or an address, without port or brackets."""
    if isinstance(value, str) and ":" in value:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("a host is a name or an address; the port is a key of its own") from None
    return value


def _rate(value: Any) -> object:
    if value is None or value == "off":
        return None
    if isinstance(value, str) and (found := _RATE.fullmatch(value)):
        per = found[2] if found[2][0].isdigit() else f"1{found[2]}"
        return Rate(int(found[1]), seconds(per))
    raise ValueError("a rate is written as 1200/m or 300/1h; off for none")


def _sockets(value: Any) -> object:
    return None if value == "off" else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Goal = Annotated[Text, BeforeValidator(lambda value: _goal(value) if isinstance(value, str) else value)]
AsRate = Annotated[
    Any, BeforeValidator(_rate), Field(json_schema_extra={"type": ["string", "null"], "examples": ["1200/m", "off"]})
]
Port = Annotated[int, Field(ge=0, le=65535)]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Server(Table):
    """Where requests are taken. `gateways.http` may say host and port too."""

    host: Annotated[Text, BeforeValidator(_host)] = "127.0.0.1"
    port: Port = 8787


class Service(Table):
    """Where something is kept: a backend and what that one needs."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, data: Any) -> object:
        if not isinstance(data, dict):
            return cast("object", data)
        row = cast("dict[str, Any]", data)
        if row.get("backend") == "files":
            return {**row, "backend": "filesystem"}
        return row

    @model_validator(mode="after")
    def _belongs(self) -> Service:
        backend: str = getattr(self, "backend")  # noqa: B009 each service has its own choice
        needs, may = NEEDS[backend]
        given = self.model_fields_set - {"backend"}
        if lacks := [name for name in needs if name not in given]:
            raise ValueError(f"the backend {backend} needs {' and '.join(lacks)}")
        if more := sorted(given - {*needs, *may}):
            has = ", ".join((*needs, *may)) or "nothing else"
            raise ValueError(f"{', '.join(more)} says nothing to the backend {backend}, which takes {has}")
        url = getattr(self, "url", None)
        if isinstance(url, SecretStr):
            _postgres(url.get_secret_value())
        return self


NEEDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "agent": ((), ()), "filesystem": ((), ("path",)), "memory": ((), ()), "postgres": (("url",), ()),
    "s3": (("bucket",), ("region", "endpoint", "prefix", "access_key_id", "secret_access_key")),
    "r2": ((), ("binding",)),
}  # fmt: skip
"""Of each backend: what must be said, what may."""


def _postgres(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError("url: it must begin with postgres:// or postgresql://")


class SessionStore(Service):
    """Where agents and all that is theirs are: sessions, state, schedules, jobs. `store` is the same key."""

    backend: Literal["filesystem", "memory", "postgres"]
    path: Text | None = None
    """A folder; the data file is in it."""
    url: SecretStr | None = None


class Memory(Service):
    """What agents remember of their users."""

    backend: Literal["agent", "filesystem", "postgres"]
    path: Text | None = None
    url: SecretStr | None = None


class Artifacts(Service):
    """What agents make and are sent that is large."""

    backend: Literal["agent", "filesystem", "s3", "r2"]
    path: Text | None = None
    bucket: Text | None = None
    region: Text | None = None
    endpoint: Text | None = None
    prefix: Text | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    binding: Text | None = None


class Statistics(Service):
    """What turns came to."""

    backend: Literal["agent", "postgres"]
    url: SecretStr | None = None


class Services(Table):
    """Where what agents use is kept. Agents never name a backend."""

    session: SessionStore | None = None
    memory: Memory | None = None
    artifacts: Artifacts | None = None
    statistics: Statistics | None = None


class Http(Table):
    """The HTTP and WebSocket gateway, which is this server."""

    enabled: bool = True


class Cli(Table):
    """The command line, which talks to the server over HTTP."""

    enabled: bool = True


class External(Table):
    """A gateway that is a program of its own."""

    name: Text
    command: Text
    args: tuple[Text, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)


class Gateways(Table):
    """How people and programs reach agents."""

    http: Http = Http()
    cli: Cli = Cli()
    external: tuple[External, ...] = ()


class Session(Table):
    """For chat agents that don't say it themselves: what becomes of a turn when nobody is there any more."""

    on_disconnect: Literal["continue", "pause"] | None = None
    max_background_runtime: Annotated[Duration, Field(gt=0)] | None = None
    output_buffer_size: Annotated[int, Field(ge=1, le=100_000)] | None = None


class Static(Table):
    """A folder of folders that define agents."""

    path: Text
    watch: bool = False


class Dynamic(Table):
    """Definitions that come at run time."""

    path: Text | None = None


class Agents(Table):
    """Agents that are data."""

    static: Static | None = None
    dynamic: Dynamic | None = None
    lazy_load: bool | None = None
    cache_size: Annotated[int, Field(ge=1)] | None = None


class Admin(Table):
    """Operators' routes."""

    enabled: bool = True
    token: SecretStr | None = None
    allow: Texts = ()


class Pool(Table):
    """Several workers on one store."""

    peer: Text | None = None
    listen_url: SecretStr | None = None


class Quotas(Table):
    """What one caller may do. A rate is `1200/m`, or `off`."""

    calls: AsRate = None
    tells: AsRate = None
    created: AsRate = None
    keys: AsRate = None
    bytes: AsRate = None
    sockets: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_sockets)] = None


class Settings(Table):
    """The whole file."""

    data_dir: Text = ".roost"
    server: Server = Server()
    services: Services = Services()
    gateways: Gateways = Gateways()
    session: Session = Session()
    agents: Agents = Agents()
    admin: Admin = Admin()
    pool: Pool | None = None
    limits: dict[str, Any] = Field(default_factory=dict)
    quotas: Quotas = Quotas()
    egress: Annotated[tuple[Goal, ...], BeforeValidator(_listed)] | None = None
