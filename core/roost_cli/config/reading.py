"""From a file and the environment to settings, or to all that is wrong with them, each with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any, Final, cast

from pydantic import ValidationError

from roost.contract.limits import Limits
from roost_chat.definitions.document import BYTES, BadDefinition, Document, Path, Problem, read
from roost_chat.definitions.words import seconds, size
from roost_chat.definitions.wrong import problems

from . import names
from .filled import filled, hidden, variable
from .form import Settings

SECRET: Final = re.compile(r"token|secret|passw|credential|key|dsn|auth", re.IGNORECASE)
"""Names of what is not shown."""


@dataclass(frozen=True, slots=True)
class Merged(Document):
    """A file with what the environment says beside it."""

    origins: dict[Path, str] = field(default_factory=dict[Path, str])
    """Which variable a key's value is."""
    secret: set[Path] = field(default_factory=set[Path])
    """What was filled in from a variable whose name says that it is one."""

    def problem(self, path: Path, message: str) -> Problem:
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return Problem(self.origins[path[:end]], 0, 0, message)
            if path[:end] in self.places:
                break
        return Document.problem(self, path, message)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where they are from."""

    settings: Settings
    document: Merged
    folder: File
    """Relative paths start there: the file's folder, else the project's."""
    limits: dict[str, float]

    def path(self, text: str) -> File:
        return (self.folder / File(text).expanduser()).resolve()

    def said(self, *path: str) -> bool:
        """Whether this key is there, in the file or the environment."""
        model: Any = self.settings
        for part in path:
            if model is None or part not in model.model_fields_set:
                return False
            model = getattr(model, part)
        return True


def load(file: File | None, folder: File, environment: Mapping[str, str]) -> Loaded:
    """BadDefinition: everything that is wrong."""
    document = _parsed(file) if file is not None else Merged("environment", {})
    wrong = _fill(document, environment) if file is not None else []
    if not wrong:
        wrong += names.to_one_name(document)
    if wrong:
        raise BadDefinition(wrong)
    for name, path in names.from_environment(environment):
        try:
            value = variable(name, environment)
        except ValueError as error:
            wrong.append(Problem(name, 0, 0, str(error)))
            continue
        if value:  # an empty one is as good as none
            names.overlay(document, path, value)
            document.origins[path] = name
    if wrong:
        raise BadDefinition(wrong)
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        raise BadDefinition(problems(document, Settings, error)) from None
    limits = _limits(document, settings.limits, wrong)
    if wrong:
        raise BadDefinition(wrong)
    return Loaded(settings, document, folder if file is None else file.resolve().parent, limits)


def _parsed(file: File) -> Merged:
    try:
        data = file.read_bytes()
        if len(data) > BYTES:
            raise ValueError(f"longer than {BYTES:,} bytes")
        text = hidden(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise BadDefinition([Problem(str(file), 0, 0, f"it can't be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise BadDefinition([Problem(str(file), 0, 0, "it is no UTF-8")]) from None
    except ValueError as error:
        raise BadDefinition([Problem(str(file), 0, 0, str(error))]) from None
    found = read(text, str(file))
    if found.data is None:
        return Merged(str(file), {}, found.places)
    if found.table is None:
        raise BadDefinition([found.problem((), "it is a table: server, services, agents, ...")])
    return Merged(str(file), found.data, found.places)


def _fill(document: Merged, environment: Mapping[str, str]) -> list[Problem]:
    wrong: list[Problem] = []

    def walk(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            table = cast("dict[str, Any]", value)
            for key in [k for k in table if any("\ue000" <= c <= "\ue07f" for c in k)]:
                wrong.append(document.problem((*path, key), "a reference ${...} stands for a value, not for a key"))
                del table[key]
            for key in table:
                table[key] = walk(table[key], (*path, key))
            return table
        if isinstance(value, list):
            return [walk(one, (*path, i)) for i, one in enumerate(cast("list[object]", value))]
        if not isinstance(value, str):
            return value
        try:
            text, asked = filled(value, environment)
        except ValueError as error:
            wrong.append(document.problem(path, str(error)))
            return None
        if any(SECRET.search(name) for name in asked):
            document.secret.add(path)
        return text

    walk(document.data, ())
    return wrong


def _limits(document: Merged, given: dict[str, Any], wrong: list[Problem]) -> dict[str, float]:
    """Those of `App(limits=...)`, sizes and durations as text too."""
    known = {f.name: f for f in fields(Limits)}
    found: dict[str, float] = {}
    for name, value in given.items():
        path = ("limits", name)
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]}?" if near else f". There are {', '.join(known)}"
            wrong.append(document.problem(path, f"limits.{name} is not known{hint}"))
            continue
        default, unit = known[name].default, known[name].metadata["unit"]
        try:
            number = seconds(value) if unit == "seconds" else float(size(_number(value)))
            found[name] = number if isinstance(default, float) else int(number)
            Limits(**cast("dict[str, Any]", {name: found[name]}))
        except ValueError as error:
            found.pop(name, None)
            message = str(error).partition("): ")[2] or str(error)
            wrong.append(document.problem(path, f"limits.{name}: {message}"))
    return found


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value
