"""A YAML text as plain data, and where in the text each part of it stands.

YAML 1.2 by ruamel.yaml. What two readers could read differently is refused: doubled keys, aliases, tags of a
programming language, two documents in one file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from roost.contract.errors import AgentError

Path: TypeAlias = tuple[str | int, ...]
BYTES: Final = 256 * 1024
"""Of one document."""
DEPTH: Final = 32
TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where: line and column count from 1, 0 = the file as a whole."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class BadDefinition(AgentError):
    """A definition that can't be used: everything that is wrong with it, each with its place. Code `bad-definition`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems), code="bad-definition")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """Data of JSON's types, and the places of its parts."""

    file: str
    data: Any
    places: dict[Path, tuple[int, int]] = field(default_factory=dict[Path, tuple[int, int]])
    """Where a key stands, for what has one; else where the value begins."""

    @property
    def table(self) -> dict[str, Any] | None:
        """None: it is no table."""
        data: object = self.data
        return cast("dict[str, Any]", data) if isinstance(data, dict) else None

    def problem(self, path: Path, message: str) -> Problem:
        """At the part of that path, or at the nearest part around it that the text has."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (0, 0))
        return Problem(self.file, line, column, message)


def read(text: str, file: str) -> Document:
    """BadDefinition: it is no YAML, or more of it than definitions need."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text.encode()) > BYTES:
        raise BadDefinition([Problem(file, 0, 0, f"longer than {BYTES:,} bytes")])
    try:
        root: Any = YAML(typ="safe", pure=True).compose(text)  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        raise BadDefinition([_no_yaml(file, error)]) from None
    except YAMLError as error:  # a byte that no YAML may have
        raise BadDefinition([Problem(file, 0, 0, f"no YAML: {str(error).splitlines()[0]}")]) from None
    except RecursionError:
        raise BadDefinition([Problem(file, 0, 0, f"nested deeper than {DEPTH}")]) from None
    reader = _Reader(file)
    data = None if root is None else reader.value(root, ())
    if reader.problems:
        raise BadDefinition(reader.problems)
    return Document(file, data, reader.places)


def _no_yaml(file: str, error: Any) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    return Problem(file, line, column, f"no YAML: {error.problem or error.context}")


class _Reader:
    """Turns nodes into data, and collects what is wrong with them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Path, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def _wrong(self, node: Any, message: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, message))

    def value(self, node: Any, path: Path) -> Any:
        mark = node.start_mark
        self.places.setdefault(path, (mark.line + 1, mark.column + 1))
        if id(node) in self._seen:
            self._wrong(node, f"an alias (*{node.anchor}) stands for this a second time: write it out")
            return None
        self._seen.add(id(node))
        if len(path) > DEPTH:
            self._wrong(node, f"nested deeper than {DEPTH}")
            return None
        tag = str(node.tag)
        if node.id == "mapping" and tag == TAG + "map":
            return self._mapping(node, path)
        if node.id == "sequence" and tag == TAG + "seq":
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        if node.id == "scalar" and tag.startswith(TAG):
            return self._scalar(node, tag[len(TAG) :])
        self._wrong(node, f"the tag {tag.replace(TAG, '!!')} is not for definitions: they hold plain data")
        return None

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in node.value:
            if key.id != "scalar" or str(key.tag) != TAG + "str":
                self._wrong(key, "a key must be text: put it in quotes")
                continue
            name = str(key.value)
            if name in found:
                self._wrong(key, f"{name!r} stands here twice")
                continue
            self.places[(*path, name)] = (key.start_mark.line + 1, key.start_mark.column + 1)
            found[name] = self.value(child, (*path, name))
        return found

    def _scalar(self, node: Any, kind: str) -> Any:
        text = str(node.value)
        try:
            match kind:
                case "str" | "timestamp":  # a day is text here: JSON has no other
                    return text
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return _whole(text)
                case "float":
                    number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
                    if math.isfinite(number):
                        return number
                    raise ValueError
                case _:
                    self._wrong(node, f"the tag !!{kind} is not for definitions: they hold plain data")
        except (ValueError, KeyError):
            self._wrong(node, f"{text!r} is no {kind} that JSON has: put it in quotes if it is text")
        return None


def _whole(text: str) -> int:
    digits = text.replace("_", "").lower()
    if len(digits) > 20:
        raise ValueError
    bare = digits.lstrip("+-")
    return int(digits, 0) if bare[:2] in {"0x", "0o"} else int(digits, 10)
