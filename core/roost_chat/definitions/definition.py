"""An agent's definition, whatever form and files it was written in."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from pydantic import BaseModel, ConfigDict

from .forms import Budgeted, Limits, Model, Policy, Session, Tools
from .words import Name

SKILLS: Final = 64


class Skill(BaseModel):
    """What an agent can read when it needs it: the model sees name and description, and asks for the text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    description: str
    text: str


class Scheduled(BaseModel):
    """A message that an agent gets by the clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    cron: str
    tz: str = "UTC"
    text: str


class Definition(BaseModel):
    """A kind of chat agent, as data: complete, no file is read any more. Equal bytes mean the same agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Name
    description: str = ""
    model: Model | None = None
    system_prompt: str = ""
    instructions: str = ""
    session: Session = Session()
    tools: Tools = Tools()
    policy: Policy = Policy()
    budget: Budgeted | None = None
    limits: Limits = Limits()
    skills: tuple[Skill, ...] = ()
    schedules: tuple[Scheduled, ...] = ()
    beyond: tuple[str, ...] = ()
    """What it asks for that only a container or a cluster gives."""

    def data(self) -> bytes:
        """The definition as JSON, the same for equal ones."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of its JSON, 64 hex digits."""
        return sha256(self.data()).hexdigest()
