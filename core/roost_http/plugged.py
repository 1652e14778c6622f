"""Routes of other packages: wires, gateways, jobs. One names a `Routes` under the entry-point group `roost.routes`.

A process of our own serves what is installed. Where an app is bundled, whoever makes its `Surface` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final

from . import routes
from .asgi import ASGIApp
from .routes import Methods
from .site import Site

GROUP: Final = "roost.routes"
Mount = Callable[[Site], ASGIApp]
"""Makes the ASGI app of a path. It is asked for nothing but HTTP, past the check of the host, and admits by itself."""
TAKEN: Final = frozenset({"", "agents", "v1", "healthz", "readyz", "openapi.json"})


@dataclass(frozen=True, slots=True)
class Routes:
    """What one package adds."""

    verbs: Mapping[str, Methods] = field(default_factory=dict[str, Methods])
    """/v1/agents/{kind}/{key}/{verb}: who may is found out before, by the auth hook or as `Route.admin` says."""
    mounts: Mapping[str, Mount] = field(default_factory=dict[str, Mount])
    """/{name} and all below it."""


def installed() -> list[Routes]:
    """The routes of all packages that are installed here. TypeError: an entry point leads to something else."""
    out: list[Routes] = []
    for point in entry_points(group=GROUP):
        found: Any = point.load()
        if not isinstance(found, Routes):
            raise TypeError(f"{point.name}: the entry point {point.value} of {GROUP} is no roost_http.plugged.Routes")
        out.append(found)
    return out


def joined(added: Sequence[Routes]) -> Routes:
    """All of them as one. ValueError: two claim the same, or one claims what is ours."""
    verbs: dict[str, Methods] = {}
    mounts: dict[str, Mount] = {}
    for one in added:
        for verb, methods in one.verbs.items():
            if verb.encode() in routes.VERBS or verb in verbs:
                raise ValueError(f"two packages answer /v1/agents/{{kind}}/{{key}}/{verb}")
            verbs[verb] = methods
        for name, mount in one.mounts.items():
            if name in TAKEN or name in mounts:
                raise ValueError(f"two packages answer /{name}")
            mounts[name] = mount
    return Routes(verbs, mounts)
