"""A folder that defines an agent: `agent.yaml`, and beside it prompts, a policy, skills and schedules.

agent.yaml  SYSTEM_PROMPT.md  INSTRUCTIONS.md  policy.yaml  skills/NAME/SKILL.md  schedules/NAME.md
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from .definition import SKILLS, Definition, Scheduled, Skill
from .document import BYTES, BadDefinition, Document, Problem, read
from .forms import Flat, Policy, Resource, Spec, Whole, form_of
from .wrong import problems

NAMES: Final = ("agent.yaml", "agent.yml")
PASSED: Final = frozenset({"license", "compatibility", "metadata", "allowed-tools"})
"""Optional fields of a skill by the Agent Skills specification (agentskills.io)."""
_FRONT: Final = re.compile(r"\A---\n(.*?)^---[ \t]*\n?(.*)\Z", re.DOTALL | re.MULTILINE)


def definition(folder: Path) -> Definition:
    """BadDefinition: all that is wrong in any of its files."""
    return _Folder(folder).definition()


def folders(root: Path) -> list[Path]:
    """Those in `root`, each of an agent. BadDefinition: there is no such folder."""
    if not root.is_dir():
        raise BadDefinition([Problem(str(root), 0, 0, "no such folder")])
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))


def definitions(root: Path) -> dict[str, Definition]:
    """Those of the folders in `root`, by name. BadDefinition: what is wrong in any of them."""
    found: dict[str, Definition] = {}
    wrong: list[Problem] = []
    for folder in folders(root):
        try:
            one = definition(folder)
        except BadDefinition as error:
            wrong += error.problems
            continue
        if one.name in found:
            wrong.append(Problem(str(folder), 0, 0, f"another folder in {root} defines {one.name} too"))
        found[one.name] = one
    if wrong:
        raise BadDefinition(wrong)
    return found


def parse(text: str, file: str) -> tuple[Flat | Whole | Resource, Document]:
    """One `agent.yaml`. BadDefinition."""
    document = read(text, file)
    if document.table is None:
        raise BadDefinition([document.problem((), "a definition is a table: name, model, system_prompt, ...")])
    return _validated(document, form_of(document.table)), document


def _validated(document: Document, model: type[Any]) -> Any:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise BadDefinition(problems(document, model, error)) from None


class _Folder:
    """Reads one, and collects what is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.real = folder.resolve()
        self.problems: list[Problem] = []

    def definition(self) -> Definition:
        there = [self.folder / name for name in NAMES if (self.folder / name).is_file()]
        if len(there) != 1:
            many, none = (
                "agent.yaml and agent.yml are here: keep one",
                "no agent.yaml: a folder defines an agent by one",
            )
            raise BadDefinition([Problem(str(self.folder), 0, 0, many if there else none)])
        text = self.text(there[0])
        if text is None:
            raise BadDefinition(self.problems)
        form, document = parse(text, str(there[0]))
        spec: Spec = form if isinstance(form, Flat) else form.spec
        named = form if isinstance(form, Flat) else form.metadata
        name, about = named.name, named.description
        if self.real.name != name:
            named_at: tuple[str, ...] = ("name",) if isinstance(form, Flat) else ("metadata", "name")
            message = f"the agent is called {name}, its folder {self.real.name}: give both one name"
            self.problems.append(document.problem(named_at, message))
        at: tuple[str, ...] = () if isinstance(form, Flat) else ("spec",)
        made: dict[str, Any] = {
            "name": name, "description": about, "model": spec.model, "session": spec.session, "tools": spec.tools,
            "budget": spec.budget,
            "limits": form.spec.config if isinstance(form, Resource) and "config" in form.spec.model_fields_set
            else spec.limits,
            "beyond": tuple(form.spec.beyond) if isinstance(form, Resource) else (),
            "system_prompt": self.prompt(document, at, "system_prompt", spec.system_prompt, "SYSTEM_PROMPT.md"),
            "instructions": self.prompt(document, at, "instructions", spec.instructions, "INSTRUCTIONS.md"),
            "policy": self.policy(document, at, spec), "skills": self.skills(), "schedules": self.schedules(),
        }  # fmt: skip
        if self.problems:
            raise BadDefinition(self.problems)
        return Definition(**made)

    def text(self, path: Path) -> str | None:
        """None: it can't be read, which is noted."""
        try:
            if not path.resolve(strict=True).is_relative_to(self.real):
                raise ValueError("it leads out of the agent's folder")
            data = path.read_bytes()
            if len(data) > BYTES:
                raise ValueError(f"longer than {BYTES:,} bytes")
            return data.decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            why = "it is no UTF-8"
        except ValueError as error:
            why = str(error)
        except OSError as error:
            why = error.strerror or str(error)
        self.problems.append(Problem(str(path), 0, 0, why))
        return None

    def prompt(self, document: Document, at: tuple[str, ...], field: str, given: str | None, file: str) -> str:
        """The text itself, of the file that it names, or of the file that is there by name."""
        beside = self.folder / file
        if given is None:
            return (self.text(beside) or "") if beside.exists() else ""
        if not given.startswith(("./", "../", "/")) or "\n" in given:
            if beside.exists():
                self.problems.append(document.problem((*at, field), f"{field} is given here and in {file}: keep one"))
            return given
        path = self.folder / given
        if given.startswith("/") or ".." in Path(given).parts:
            message = f"{field}: {given} leads out of the agent's folder: a path is relative to it, without `..`"
            self.problems.append(document.problem((*at, field), message))
            return ""
        if not path.is_file():
            self.problems.append(document.problem((*at, field), f"{field}: there is no file {given}"))
            return ""
        return self.text(path) or ""

    def policy(self, document: Document, at: tuple[str, ...], spec: Spec) -> Policy:
        path = self.folder / "policy.yaml"
        if not path.exists():
            return spec.policy
        if "policy" in spec.model_fields_set:
            self.problems.append(document.problem((*at, "policy"), "the policy is here and in policy.yaml: keep one"))
        found = self.table(path, Policy)
        return found if found is not None else Policy()

    def table(self, path: Path, model: type[Any]) -> Any:
        text = self.text(path)
        if text is None:
            return None
        try:
            return _validated(read(text, str(path)), model)
        except BadDefinition as error:
            self.problems += error.problems
            return None

    def skills(self) -> tuple[Skill, ...]:
        paths = sorted(self.folder.glob("skills/*/SKILL.md"))
        if len(paths) > SKILLS:
            self.problems.append(Problem(str(self.folder / "skills"), 0, 0, f"more than {SKILLS} skills"))
        found = [self.front(path, path.parent.name, Skill, PASSED) for path in paths[:SKILLS]]
        return tuple(s for s in found if s is not None)

    def schedules(self) -> tuple[Scheduled, ...]:
        found = [self.front(p, p.stem, Scheduled) for p in sorted(self.folder.glob("schedules/*.md"))]
        return tuple(s for s in found if s is not None)

    def front(self, path: Path, name: str, model: type[Any], passed: frozenset[str] = frozenset()) -> Any:
        """A text with a table before it, between two lines `---`. `passed`: fields that are not ours."""
        text = self.text(path)
        if text is None:
            return None
        match = _FRONT.match(text)
        if match is None:
            fields = [f for f in model.model_fields if f not in {"name", "text"}]
            message = f"it begins with a table between two lines ---: {', '.join(fields)}"
            self.problems.append(Problem(str(path), 1, 1, message))
            return None
        try:
            document = read("\n" + match[1], str(path))  # the line of `---` counts
            if document.table is None:
                raise BadDefinition([document.problem((), "between the lines --- stands a table")])
            data = {k: v for k, v in document.table.items() if k not in passed}
            if data.setdefault("name", name) != name:
                message = f"it is called {name} by its path: give both one name"
                raise BadDefinition([document.problem(("name",), message)])
            return _validated(Document(str(path), {**data, "text": match[2].strip()}, document.places), model)
        except BadDefinition as error:
            self.problems += error.problems
            return None
