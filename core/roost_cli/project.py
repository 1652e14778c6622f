"""The project the command runs in, and the app it names: `module:attr`, given or in pyproject.toml."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from roost import App

from .blame import blame, short
from .complaint import BROKEN, USAGE, Complaint

HOW: Final = (
    "name it (`roost dev main.py` or `roost dev main:app`), "
    'or write `app = "main:app"` under [tool.roost] in pyproject.toml'
)


@dataclass(frozen=True, slots=True)
class Project:
    """The nearest folder upward with a pyproject.toml that has [tool.roost]; else the folder we are in."""

    root: Path
    app: str | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """[tool.roost.config.<kind>]."""

    @property
    def data(self) -> Path:
        """The data file."""
        return self.root / ".roost" / "agents.db"

    @property
    def token(self) -> Path:
        """The admin token that `roost dev` made."""
        return self.root / ".roost" / "admin-token"


def find_project(start: Path | None = None) -> Project:
    """Search upward. Complaint: a pyproject.toml that can't be read."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            own = _read(path)
            if own is not None:
                app = own.get("app")
                if app is not None and not isinstance(app, str):
                    raise Complaint(f'{short(str(path))}: [tool.roost] app must be text such as "main:app"', USAGE)
                return Project(folder, app, own.get("config", {}))
    return Project(start)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        table: Any = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Complaint(f"{short(str(path))} can't be read: {error}", BROKEN) from error
    own: Any = table.get("tool", {}).get("roost")
    return cast("dict[str, Any]", own) if isinstance(own, dict) else None


def named(given: str | None, project: Project) -> str:
    """`module:attribute` of the app that is meant: the one given, else the project's; a file's `app` for a file.

    Complaint: none is named, or the name has another form.
    """
    target = given or project.app
    if not target:
        raise Complaint(f"no app is named here ({project.root}): {HOW}", USAGE)
    file, mark, attr = target.partition(":")
    if file.endswith(".py"):
        target = f"{_module_at(Path(file), project)}:{attr if mark else 'app'}"
    module_of(target)
    return target


def _module_at(file: Path, project: Project) -> str:
    """The dotted name of a source file. Complaint: it is not there, or can't be imported by a name."""
    path = file.resolve()
    if not path.is_file():
        raise Complaint(f"there is no file {file}", USAGE)
    for root in (Path.cwd().resolve(), project.root):
        if path.is_relative_to(root):
            parts = path.relative_to(root).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                return ".".join(parts)
    raise Complaint(
        f"{file} can't be imported by a name from {project.root}: it must be below it, and each folder and the file a "
        "Python name",
        USAGE,
    )


def load_app(name: str | None, project: Project) -> App:
    """Import the app. Complaint says which part of the name is wrong, or shows the author's code that failed."""
    target = named(name, project)
    module_name, attr = module_of(target), target.partition(":")[2]
    for folder in (str(project.root), str(Path.cwd())):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)
    found: Any = _import(module_name, target)
    for part in attr.split("."):
        if not hasattr(found, part):
            apps = [n for n, v in vars(sys.modules[module_name]).items() if isinstance(v, App)]
            hint = f"; it has the app {apps[0]!r}" if apps else "; make one: app = App([YourAgent])"
            raise Complaint(f"module {module_name!r} has no {attr!r}{hint}", BROKEN)
        found = getattr(found, part)
    if not isinstance(found, App):
        raise Complaint(f"{target} is {_what(found)}, not an App: app = App([YourAgent])", BROKEN)
    return found


def module_of(target: str) -> str:
    """The module of `module:attribute`. Complaint: it is not of that form."""
    module, mark, attr = target.partition(":")
    parts = (*module.split("."), *attr.split("."))
    if not (mark and attr and all(part.isidentifier() for part in parts)):
        better = f"{module}:app" if module and all(part.isidentifier() for part in module.split(".")) else "main:app"
        raise Complaint(f"{target!r} names no app: it is module:attribute, for example {better}", USAGE)
    return module


def _import(name: str, target: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Complaint(f"there is no module {error.name!r} for {target!r} in {Path.cwd()}", BROKEN) from None
        raise Complaint(f"{target} can't be imported\n\n{blame(error)}", BROKEN) from error
    except (Exception, SystemExit) as error:
        raise Complaint(f"{target} can't be imported\n\n{blame(error)}", BROKEN) from error


def _what(found: Any) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
