"""What an adapter plugs into the command line: one `Platform`, found by the entry-point group `roost.backends`.

`roost bundle NAME`, `roost dev --on EMULATOR` and `scripts/conformance NAME` know platforms by this alone, so
a third party's backend stands beside ours. A method that a platform leaves out says NotSupported. A platform's
module must load without the extra it needs: what is heavy is imported inside the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from ..contract.errors import NotFound, NotSupported

if TYPE_CHECKING:
    from roost_conformance.harness import Harness

GROUP: Final = "roost.backends"

Say = Callable[[str], None]
"""Takes one line for a person: progress, or a log."""


def quiet(line: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Project:
    """An app as its author has it on disk."""

    app: str
    """`module:attribute`, as [tool.roost] names it."""
    root: Path
    """The folder of its pyproject.toml, from which its modules are imported."""
    name: str = "roost-app"
    """What the deployment is called: [project] name, else the folder's."""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """[tool.roost.config.<kind>]: {kind: {field: value}}."""
    files: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """The author's own modules that the app imports, and what [tool.roost] include names: path below the
    import root -> file. Never Roost's own."""
    requirements: Sequence[str] = ()
    """The dependencies the author declares, as pip takes them, without Roost itself."""
    imports: Mapping[str, str] = field(default_factory=dict[str, str])
    """Foreign top-level modules that loading the app needs, each with where it is imported first."""
    thinks: bool = False
    """It has chat agents, though none of `files` names `roost_chat`."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What `bundle` made: a folder ready for the platform's own deploy command."""

    folder: Path
    size: int
    """Bytes as the platform counts them against `limit`: `counted`."""
    limit: int
    parts: Sequence[tuple[str, int]] = ()
    """(what, bytes) of the largest parts, largest first."""
    deploy: Sequence[str] = ()
    """Commands that deploy it, to be run in `folder`."""
    counted: Literal["compressed", "unzipped"] = "compressed"


@dataclass(frozen=True, slots=True)
class Serving:
    """How an emulator serves."""

    port: int
    """On 127.0.0.1; 0 takes any free one."""
    data: Path
    """A folder that keeps the agents."""
    admin_token: str
    environment: Mapping[str, str]
    """Variables of the deployment: `ROOST_<KIND>__<FIELD>`, those of operators and what else the author set for it."""
    log: Say
    """Takes what the platform and the agents print."""


class Emulator(Protocol):
    """The platform on this machine with one app on it, started once; the next one on the same data finds its agents."""

    async def start(self) -> str:
        """Stage the app and serve it; the URL, once it answers. RoostError: why it can't."""
        ...

    async def stop(self) -> None: ...
    async def ended(self) -> None:
        """Returns when it ended by itself."""
        ...


class Platform:
    """One backend as the command line sees it."""

    name: str
    emulator: str | None = None
    """What `roost dev --on` calls the platform on this machine."""
    base_path: str | None = None
    """The one path of all WebSockets, where the platform has none per agent: clients name the agent in the query."""

    def bundle(self, project: Project, out: Path, say: Say) -> Bundle:
        """Stage the app in the folder `out`. LimitExceeded `bundle`: more than the platform takes."""
        raise NotSupported(f"{self.name} needs no bundle")

    def dev(self, project: Project, serving: Serving) -> Emulator:
        """The platform on this machine, not started."""
        raise NotSupported(f"{self.name} has no emulator to run on this machine")

    def harness(self) -> Harness:
        """A deployment of the conformance app that the suite may hurt."""
        raise NotSupported(f"{self.name} has no harness for the suite")


def names() -> list[str]:
    """The platforms that are installed here."""
    return sorted(point.name for point in entry_points(group=GROUP))


def find(name: str) -> Platform:
    """The platform of that name. NotFound: none is installed; NotSupported: its extra is missing."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            return _load(point)
    raise NotFound(f"no backend is called {name!r}; installed here: {', '.join(names())}", code="no-backend")


def emulator(name: str) -> Platform:
    """The platform whose emulator is called so."""
    known: list[str] = []
    for point in entry_points(group=GROUP):
        try:
            platform = _load(point)
        except NotSupported:
            if point.name == name:
                raise
            continue
        if platform.emulator is not None:
            if name in (platform.emulator, platform.name):
                return platform
            known.append(platform.emulator)
    raise NotFound(f"nothing here emulates {name!r}; there are: {', '.join(sorted(known))}", code="no-backend")


def lacking(platform: str, module: str | None) -> NotSupported:
    """The error of a platform that is here without what it needs."""
    return NotSupported(f"{platform} needs more than is installed (no {module}): pip install 'roost[{platform}]'")


def _load(point: EntryPoint) -> Platform:
    try:
        found: Any = point.load()
    except ModuleNotFoundError as error:
        raise lacking(point.name, error.name) from error
    if not isinstance(found, Platform):
        raise NotSupported(f"{point.name}: the entry point {point.value} of {GROUP} is no roost.platform.Platform")
    return found
