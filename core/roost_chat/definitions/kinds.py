"""A definition as a class, which an app takes: `app = App([*defined("agents")])`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import new_class
from typing import Any, Final, cast

from roost.author.agent import Agent
from roost.author.kind import Empty

from ..agent import ChatAgent
from ..builtin import FetchTools, NotifyTools
from ..memory import Memories, MemoryTools
from ..models import Models
from ..policy import Policy
from ..purses import ChatBudgets
from ..tools import Tool, tool, tools_of
from .code import tools_in
from .definition import Definition
from .document import BadDefinition, Problem
from .folder import definition as read_folder
from .folder import folders

BUILTIN: Final[dict[str, type[Any]]] = {
    "http_fetch": FetchTools, "notify_user": NotifyTools, "remember": MemoryTools, "recall": MemoryTools,
}  # fmt: skip


def defined(root: str | Path) -> list[type[Agent[Any, Any]]]:
    """The agents that the folders in `root` define, and those that they need beside them.

    BadDefinition: all that is wrong in any of them. Code in `tools/*.py` is run: read folders that you trust.
    """
    found: list[type[Agent[Any, Any]]] = []
    wrong: list[Problem] = []
    for folder in folders(Path(root)):
        try:
            found.append(kind(read_folder(folder), folder))
        except BadDefinition as error:
            wrong += error.problems
    if wrong:
        raise BadDefinition(wrong)
    if any(issubclass(one, MemoryTools) for one in found):
        found.append(Memories)
    if any(budget.scope == "caller" for one in found for budget in getattr(one, "budgets", ())):
        found.append(ChatBudgets)
    return found


def kind(definition: Definition, folder: Path | None = None) -> type[ChatAgent[Empty, Models]]:
    """Its class; where providers are, and their keys, is in its config. `folder`: whose `tools/*.py` are its tools too.

    BadDefinition: it asks for what is not there.
    """
    file = str(folder or definition.name)
    wrong = [Problem(file, 0, 0, f"{what} can only be had in a container") for what in definition.beyond]
    wrong += [
        Problem(file, 0, 0, f"the built-in tool {name} can't be used yet: take it out")
        for name in definition.tools.builtin
        if name not in BUILTIN
    ]
    if definition.schedules:
        wrong.append(Problem(file, 0, 0, "schedules/*.md can't be run yet: take them out"))
    wrong += [
        Problem(file, 0, 0, f"limits.{name} can't be kept yet: take it out, or raise the app's limits")
        for name in definition.limits.model_dump(by_alias=True, exclude_none=True)
    ]
    if wrong:
        raise BadDefinition(wrong)
    bases = list(dict.fromkeys(BUILTIN[name] for name in definition.tools.builtin))
    given: dict[str, Any] = {
        "__doc__": definition.description or f"The agent {definition.name}.",
        "__module__": __name__,
        "kind": definition.name,
        "model": definition.model.id if definition.model else None,
        "instructions": _instructions(definition),
        "policy": Policy(definition.policy.allow, definition.policy.ask, definition.policy.deny),
        "budget": definition.budget.budget if definition.budget else None,
        "definition": definition,
    }
    session = definition.session  # what it does not say, the operator may (roost.yaml)
    if "on_disconnect" in session.model_fields_set:
        given["when_left"] = session.on_disconnect
    if "max_background_runtime" in session.model_fields_set:
        given["max_background_runtime"] = timedelta(seconds=session.max_background_runtime)
    for mixin in bases:  # it may bring more tools than were asked for
        given |= dict.fromkeys(tools_of(mixin).keys() - set(definition.tools.builtin))
    if definition.skills:
        given["skill"] = _skills(definition)
    for made in tools_in(folder) if folder is not None else ():
        if made.name in given or made.name in definition.tools.builtin:
            raise BadDefinition([Problem(file, 0, 0, f"two tools are called {made.name}")])
        given[made.name] = made
    name = "".join(part.capitalize() for part in definition.name.split("-"))
    base: Any = ChatAgent[Empty, Models]
    name = name if name.isidentifier() else f"Agent{name}"
    cls: Any = new_class(name, (*bases, base), exec_body=lambda namespace: namespace.update(given))
    return cast("type[ChatAgent[Empty, Models]]", cls)


def _instructions(definition: Definition) -> str:
    parts = [definition.system_prompt.strip(), definition.instructions.strip()]
    if definition.skills:
        listed = "\n".join(f"- {skill.name}: {skill.description}" for skill in definition.skills)
        parts.append(f"Skills, each a text that you read with the tool `skill` when it fits:\n{listed}")
    return "\n\n".join(part for part in parts if part)


def _skills(definition: Definition) -> Tool[Any, Any, Any]:
    texts = {skill.name: skill.text for skill in definition.skills}

    @tool
    async def skill(self: Any, name: str) -> str:
        """Read a skill by its name, before you do what it is about."""
        return texts.get(name, f"there is no skill {name!r}; there are {', '.join(texts)}")

    return skill
