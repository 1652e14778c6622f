"""Projects of authors, as the bundle and `roost dev --on workerd` meet them."""

from __future__ import annotations

from pathlib import Path

MAIN = """\
from pydantic import BaseModel
from roost import PUBLIC, Agent, App, action

from parts import words

class Tally(BaseModel):
    count: int = 0

class Step(BaseModel):
    step: int = 1

class Counter(Agent[Tally, Step]):
    @action
    async def increment(self) -> int:
        self.state.count += self.config.step
        self.log.info("counted to %d", self.state.count)
        return self.state.count

    @action
    async def greet(self) -> str:
        return words.GREETING

app = App([Counter], auth=PUBLIC)
"""


def project(folder: Path, *, main: str = MAIN, dependencies: str = '["roost"]', extra: str = "") -> Path:
    """A project with a module and a package of its own."""
    (folder / "parts").mkdir(parents=True)
    (folder / "main.py").write_text(main)
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "words.py").write_text('GREETING = "hello"\n')
    (folder / "unused.py").write_text("raise AssertionError\n")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "My Counter"\nversion = "1"\ndependencies = {dependencies}\n'
        f'[tool.roost]\napp = "main:app"\n{extra}'
    )
    return folder
