"""Settings as they hold, for people: each with where it is from, and no secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from roost.contract.quotas import Rate
from roost_chat.definitions.document import Path

from .reading import SECRET, Loaded

MASK: Final = "****"
_IN_QUERY: Final = re.compile(r"([?&][^=&]*(?:passw|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A key that has a value."""

    name: str
    value: Any
    source: str
    """`FILE:LINE`, a variable, or `default`."""


def shown(loaded: Loaded) -> list[Row]:
    """All of them, in the order of the form."""
    rows: list[Row] = []
    _walk(loaded, loaded.settings, (), rows)
    return rows


def _walk(loaded: Loaded, value: Any, path: Path, rows: list[Row]) -> None:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            _walk(loaded, getattr(value, name), (*path, name), rows)
    elif isinstance(value, dict) and value:
        for name, inner in cast("dict[str, Any]", value).items():
            _walk(loaded, inner, (*path, name), rows)
    elif path == ("gateways", "external") and value:
        for i, inner in enumerate(cast("tuple[BaseModel, ...]", value)):
            _walk(loaded, inner, (*path, i), rows)
    elif value is not None and value != {}:
        rows.append(Row(".".join(map(str, path)), _masked(loaded, path, value), _source(loaded, path)))


def _masked(loaded: Loaded, path: Path, value: Any) -> Any:
    if isinstance(value, SecretStr) and path[-1] != "url":
        return MASK
    if isinstance(value, Rate):
        return f"{value.amount}/{value.seconds:g}s"
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if path[-1] == "url" or (isinstance(plain, str) and "://" in plain):
        return _url(str(plain))
    names = [str(part) for part in path]
    beyond = path[:2] == ("gateways", "external") and "config" in names  # nobody here knows what is secret in it
    if beyond or path in loaded.document.secret or any(SECRET.search(name) for name in names[-1:]):
        return MASK
    return list(cast("tuple[object, ...]", plain)) if isinstance(plain, tuple) else plain


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon and ':' + MASK}{at}{host}"
    return _IN_QUERY.sub(rf"\g<1>{MASK}", parts._replace(netloc=netloc).geturl())


def _source(loaded: Loaded, path: Path) -> str:
    document = loaded.document
    for end in range(len(path), 0, -1):
        if path[:end] in document.origins:
            return document.origins[path[:end]]
    if path in document.places:
        return f"{document.file}:{document.places[path][0]}"
    return "default"
