"""What of a project goes into a bundle: the modules that its app imports, and the dependencies it declares.

Found by reading the source, never by running it: imports inside functions count, those under TYPE_CHECKING
don't. What is loaded by name at run time is named by the author: `[tool.roost] include = ["prompts/*.txt"]`.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from roost.hosting import platform
from roost.hosting.packages import is_ours

from .blame import blame, short
from .complaint import BROKEN, USAGE, Complaint
from .project import Project, module_of
from .report import say
from .withheld import refuse


def gather(project: Project, app: str) -> platform.Project:
    """The project as a platform takes it. Complaint: a module that is not there, or source that can't be read."""
    module = module_of(app)
    roots = list(dict.fromkeys([project.root, Path.cwd().resolve()]))
    found = _Modules(roots)
    if not is_ours(module):
        found.take(module)
        if not found.files:
            raise Complaint(f"there is no module {module!r} for {app!r} in {' or '.join(map(str, roots))}", BROKEN)
    table = _table(project.root / "pyproject.toml")
    for pattern in table.get("tool", {}).get("roost", {}).get("include", []):
        found.files.update(_included(project.root, pattern))
    refuse(found.files)
    named = str(table.get("project", {}).get("name") or project.root.name or "roost-app")
    return platform.Project(
        app, project.root, named, project.config, found.files, requirements(project.root, table), found.foreign
    )


def _included(root: Path, pattern: object) -> dict[str, Path]:
    """The files that a pattern of [tool.roost] include names. Complaint: it names none, or looks outside the project.

    A wildcard passes over what is hidden, as a shell does; what is withheld all the same is refused with the rest.
    """
    if not isinstance(pattern, str) or not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise Complaint(
            f"[tool.roost] include: {pattern!r} is no pattern of files below {root}: no '/' in front, no '..'", USAGE
        )
    said = set(Path(pattern).parts)
    found = {p.relative_to(root).as_posix(): p for p in sorted(root.glob(pattern)) if p.is_file()}
    seen = {n: p for n, p in found.items() if all(not x.startswith(".") or x in said for x in Path(n).parts)}
    if not seen:
        hidden = f"; it would match {', '.join(found)}, which are hidden" if found else ""
        raise Complaint(f"[tool.roost] include: nothing in {root} matches {pattern!r}{hidden}", USAGE)
    for name in sorted(found.keys() - seen.keys()):
        say(f"left out of the bundle, for it is hidden: {name}")
    return seen


def says_who(source: platform.Project) -> bool:
    """Whether the app says who may call it: some `App(...)` in its modules has an `auth`. True where there is none."""
    calls = [
        node
        for path in source.files.values()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "App"
    ]
    return not calls or any(_has_auth(call) for call in calls)


def _has_auth(call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg in ("auth", None)]
    return any(not (isinstance(value, ast.Constant) and value.value is None) for value in given)


def requirements(root: Path, table: Mapping[str, Any]) -> list[str]:
    """`[project] dependencies`, else the lines of requirements.txt; Roost itself is left out."""
    own: Mapping[str, Any] = table.get("project", {})
    listed: list[str] = list(own.get("dependencies", []))
    path = root / "requirements.txt"
    if not listed and path.is_file():
        lines = (line.partition(" #")[0].strip() for line in path.read_text().splitlines())
        listed = [line for line in lines if line and not line.startswith(("#", "-"))]
    if own.get("name") == "roost":  # our own checkout: what it lists is for the local server
        return []
    return [r for r in listed if (m := re.match(r"[\w.-]+", r)) is None or m[0].lower() != "roost"]


def _table(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text()) if path.is_file() else {}


class _Modules:
    """The modules below some roots that one of them leads to."""

    def __init__(self, roots: list[Path]) -> None:
        self._roots = roots
        self.files: dict[str, Path] = {}
        self.foreign: dict[str, str] = {}

    def take(self, name: str) -> bool:
        """Add a module, its packages and what they import; whether it is one of the author's."""
        parts = name.split(".")
        for n in range(1, len(parts) + 1):
            self._one("/".join(parts[:n]))
        return any(self._at(f"{'/'.join(parts)}{end}") is not None for end in (".py", "/__init__.py", ""))

    def _at(self, relative: str) -> Path | None:
        return next((root / relative for root in self._roots if (root / relative).exists()), None)

    def _one(self, stem: str) -> None:
        for relative in (f"{stem}/__init__.py", f"{stem}.py"):
            path = self._at(relative)
            if path is not None:
                if relative not in self.files:
                    self.files[relative] = path
                    self._read(relative, path)
                return

    def _read(self, relative: str, path: Path) -> None:
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            raise Complaint(f"{short(str(path))} can't be bundled\n\n{blame(error)}", BROKEN) from error
        package = relative.removesuffix(".py").split("/")[:-1]
        for node, loads in _imports(tree.body, True):
            for name in _names(node, package):
                top = name.partition(".")[0]
                if is_ours(top) or top in sys.stdlib_module_names or self.take(name) or not loads:
                    continue
                if self._at(top) is None and self._at(f"{top}.py") is None:
                    self.foreign.setdefault(top, f"{short(str(path))}:{node.lineno}")


def _imports(body: list[ast.stmt], loads: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements, each with whether loading the module surely runs it."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, loads
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports(node.orelse, False)
        else:
            for _, value in ast.iter_fields(node):
                for inner in cast("list[object]", value) if isinstance(value, list) else ():
                    if isinstance(inner, ast.stmt):
                        yield from _imports([inner], False)
                    elif isinstance(inner, (ast.ExceptHandler, ast.match_case)):
                        yield from _imports(inner.body, False)


def _names(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    """The modules that a statement may load; `from a import b` may load a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = package[: len(package) - node.level + 1] if node.level else []
    stem = ".".join([*base, *(node.module.split(".") if node.module else [])])
    return [stem, *(f"{stem}.{alias.name}" for alias in node.names)] if stem else [a.name for a in node.names]
