"""What pydantic says of a definition, in the words of one who writes it, with its place."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from .document import Document, Path, Problem


def problems(document: Document, form: type[BaseModel], error: ValidationError) -> list[Problem]:
    """One for each thing that is wrong, in the order of the text."""
    found = [_problem(document, form, one) for one in error.errors(include_url=False)]
    return sorted(found, key=lambda p: (p.line, p.column))


def _problem(document: Document, form: type[BaseModel], error: Any) -> Problem:
    path: Path = tuple(error["loc"])
    kind, where = error["type"], ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        known = _fields(form, path[:-1])
        near = get_close_matches(str(path[-1]), known, 1)
        hint = f": did you mean {near[0]}?" if near else f". There are {', '.join(known)}" if known else ""
        return document.problem(path, f"{where} is not known{hint}")
    if kind == "missing":
        return document.problem(path[:-1], f"{where} is missing")
    message = str(error["msg"]).removeprefix("Value error, ")
    return document.problem(path, f"{where}: {message}" if where else message)


def _fields(form: type[BaseModel], path: Path) -> list[str]:
    """The names a table may have, as they are written."""
    model: Any = form
    for part in path:
        info = getattr(model, "model_fields", {})
        field = next((f for name, f in info.items() if part in {name, f.alias}), None)
        models = (
            [t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, BaseModel)] if field else []
        )
        if not models:
            return []
        model = models[0]
    return [f.alias or name for name, f in model.model_fields.items()]


def _types(annotation: Any) -> tuple[Any, ...]:
    inner = getattr(annotation, "__args__", ())
    return inner or (annotation,)
