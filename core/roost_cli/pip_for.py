"""pip for another machine: `python pip_for.py ORDER ANSWER`, a program of its own, for pip offers none of this.

pip takes `--platform` and `--python-version` for the choice of wheels, but asks the machine it runs on for the markers
of dependencies (`foo; sys_platform == "emscripten"`). Here it asks ORDER. And it steps back silently to an older
release when the newer ones have no wheel: ANSWER names those that went back over a major version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypedDict

NEVER_MEANT = frozenset({"yanked", "requires_python_mismatch", "different_project"})
"""Why pip passes a release over that nobody on the target would have got either."""


class Order(TypedDict):
    """What to install."""

    markers: dict[str, str]
    """The target's values of marker variables: https://packaging.python.org/specifications/dependency-specifiers/"""
    arguments: list[str]
    """pip's."""
    folder: str
    """Where they install to."""
    requirements: list[str]
    """All that were asked for, constraints too."""


class Behind(TypedDict):
    """A package of which an older major version was taken than there is."""

    name: str
    taken: str
    newest: str


def run(order: Order) -> tuple[int, list[Behind]]:
    """pip's exit code, and what went back."""
    markers: Any = import_module("pip._vendor.packaging.markers")
    whole = markers.default_environment
    markers.default_environment = lambda: {**whole(), **order["markers"]}
    _python(order["arguments"])
    seen = _watched()
    code: int = import_module("pip._internal.cli.main").main(order["arguments"])
    return code, [] if code else _behind(order, seen)


def _python(arguments: list[str]) -> None:
    """`pip install` chooses wheels for the Python of `--python-version`, and asks its own whether it may have them."""
    if "--python-version" not in arguments:
        return
    version = tuple(map(int, arguments[arguments.index("--python-version") + 1].split(".")))
    candidate: Any = import_module("pip._internal.resolution.resolvelib.candidates").RequiresPythonCandidate
    whole = candidate.__init__

    def init(self: Any, _: object) -> None:
        whole(self, version)

    candidate.__init__ = init


def _watched() -> dict[str, set[str]]:
    """Canonical name -> versions that pip will see, filled while it runs."""
    names: Any = import_module("pip._vendor.packaging.utils")
    evaluator: Any = import_module("pip._internal.index.package_finder").LinkEvaluator
    whole = evaluator.evaluate_link
    seen: dict[str, set[str]] = {}

    def evaluate_link(self: Any, link: Any) -> Any:
        found = whole(self, link)
        if getattr(found[0], "name", "") not in NEVER_MEANT:
            parse = names.parse_wheel_filename if link.filename.endswith(".whl") else names.parse_sdist_filename
            try:
                name, version = parse(link.filename)[:2]
            except ValueError:
                return found
            seen.setdefault(name, set()).add(str(version))
        return found

    evaluator.evaluate_link = evaluate_link
    return seen


def _behind(order: Order, seen: Mapping[str, Iterable[str]]) -> list[Behind]:
    version: Any = import_module("pip._vendor.packaging.version").Version
    canonical: Any = import_module("pip._vendor.packaging.utils").canonicalize_name
    taken = {canonical(found.metadata["Name"]): found for found in distributions(path=[order["folder"]])}
    asked = [*order["requirements"], *(line for found in taken.values() for line in found.requires or ())]
    wanted = _specifiers(asked)
    behind: list[Behind] = []
    for name, found in sorted(taken.items()):
        now = version(found.version)
        meant = [v for v in map(version, seen.get(name, ())) if not v.is_prerelease and v in wanted.get(name, _All())]
        newest = max([now, *meant])
        if (newest.epoch, newest.major) > (now.epoch, now.major):
            behind.append({"name": name, "taken": str(now), "newest": str(newest)})
    return behind


class _All:
    """Several specifiers that hold together."""

    def __init__(self) -> None:
        self.sets: list[Any] = []

    def __contains__(self, version: object) -> bool:
        return all(version in one for one in self.sets)


def _specifiers(lines: Iterable[str]) -> dict[str, Any]:
    """Canonical name -> what the requirements that hold for the target ask of it."""
    kit: Any = import_module("pip._vendor.packaging.requirements")
    canonical: Any = import_module("pip._vendor.packaging.utils").canonicalize_name
    parsed: list[Any] = []
    for line in lines:
        try:
            parsed.append(kit.Requirement(line))
        except kit.InvalidRequirement:
            continue  # pip takes more than the standard says, a path for example
    extras = {"", *(extra for one in parsed for extra in one.extras)}
    wanted: dict[str, Any] = {}
    for one in parsed:
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
            wanted.setdefault(canonical(one.name), _All()).sets.append(one.specifier)
    return wanted


if __name__ == "__main__":
    returned, back = run(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(back))
    sys.exit(returned)
