"""Two names of one key, brought to one; and the variable of the environment that each key has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, get_args

from pydantic import BaseModel

from roost_chat.definitions.document import Document, Path, Problem

from .form import Settings

ALIASES: Final[tuple[tuple[Path, Path], ...]] = (
    (("store",), ("services", "session")),
    (("services", "artifact"), ("services", "artifacts")),
    (("gateways", "http", "host"), ("server", "host")),
    (("gateways", "http", "port"), ("server", "port")),
)
"""(another name, the name)"""


def to_one_name(document: Document) -> list[Problem]:
    """Change the document's data and places; what two names say differently is a problem."""
    wrong: list[Problem] = []
    for other, name in ALIASES:
        value, there = _at(document.data, other)
        if not there:
            continue
        value = _store(value) if other == ("store",) else value
        known, said = _at(document.data, name)
        _drop(document.data, other)
        if said and _plain(known) != _plain(value):
            first = document.places.get(name, (0, 0))[0]
            message = f"{_dotted(other)} and {_dotted(name)} (line {first}) are one key, and say different things"
            wrong.append(document.problem(other, message))
        elif not said and not _put(document.data, name, value):
            wrong.append(document.problem(name[:-1], f"{_dotted(name[:-1])}: it must be a table"))
        else:
            for path, place in [*document.places.items()]:
                if path[: len(other)] == other and not said:
                    document.places[(*name, *path[len(other) :])] = place
    return wrong


def from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """The variables that are set, or `NAME_FILE` of them, and the keys that they are."""
    for name, path in VARIABLES.items():
        if name in environment or f"{name}_FILE" in environment:
            yield name, path


def overlay(document: Document, path: Path, value: str) -> None:
    """Set a key to what the environment says."""
    _put(document.data, path, _store(value) if path == ("services", "session") else value)


def fields(model: type[BaseModel], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every key below a table that is none itself, with its field."""
    for name, field in model.model_fields.items():
        types: tuple[object, ...] = (field.annotation, *get_args(field.annotation))
        inner = [t for t in types if isinstance(t, type) and issubclass(t, BaseModel)]
        if inner:
            yield from fields(inner[0], (*path, name))
        else:
            yield (*path, name), field


def _variables() -> dict[str, Path]:
    found: dict[str, Path] = {
        "ROOST_" + "_".join(str(part) for part in path).upper(): path
        for path, _ in fields(Settings)
        if path[0] != "limits" and path[-1] != "external"
    }
    return {**found, "ROOST_STORE": ("services", "session")}


VARIABLES: Final = _variables()


def _store(value: Any) -> Any:
    """`postgres://...` is short for its table."""
    if isinstance(value, str):
        kind, mark, _ = value.partition("://")
        return (
            {"backend": "postgres", "url": value} if mark and kind in ("postgres", "postgresql") else {"backend": value}
        )
    return value


def _plain(value: Any) -> Any:
    """As it is compared: `files` is `filesystem`, a number is its text."""
    if isinstance(value, dict):
        row = cast("dict[str, Any]", value)
        return {k: "filesystem" if (k, v) == ("backend", "files") else _plain(v) for k, v in row.items()}
    return value if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownVariableType]


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _at(data: Any, path: Path) -> tuple[Any, bool]:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return None, False
        data = cast("dict[str | int, Any]", data)[part]
    return data, True


def _drop(data: Any, path: Path) -> None:
    table, _ = _at(data, path[:-1])
    del table[path[-1]]


def _put(data: Any, path: Path, value: Any) -> bool:
    """False: something on the way is no table."""
    for part in path[:-1]:
        if data.get(part) is None:
            data[part] = {}
        inner: object = data[part]
        if not isinstance(inner, dict):
            return False
        data = cast("dict[str | int, Any]", inner)
    data[path[-1]] = value
    return True
