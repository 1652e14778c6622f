"""What a Worker is configured with: its variables and secrets. The same for all objects of a process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from roost.author.app import App
from roost.author.config import ConfigTable, from_environment, resolve
from roost.contract.operators import Operators
from roost.contract.visible import VisibleFormatter

from . import interop


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once a process."""

    operators: Operators
    restless: bool
    loopback: bool
    """It runs in workerd on this machine, which listens on loopback."""
    config: Mapping[str, BaseModel]

    @classmethod
    def of(cls, app: App, env: interop.Js) -> Settings:
        """Rejected `bad-config` lists every field that is missing."""
        found = _read.get(app)
        if found is None:
            given = interop.variables(env)
            _listen(given.get("ROOST_LOG_LEVEL", "info"))
            sources = [from_environment(given, app.kinds.values()), _declared.get(app, {})]
            config = resolve(app.kinds.values(), sources)
            found = _read[app] = cls(
                Operators.from_environment(given),
                restless=bool(given.get("ROOST_RESTLESS")),
                loopback=on_loopback(env),
                config=config,
            )
        return found


def on_loopback(env: interop.Js) -> bool:
    """Whether it runs in workerd on this machine."""
    return bool(interop.variables(env).get("ROOST_LOOPBACK"))


def _listen(level: str) -> None:
    """Agents' log lines reach the platform's log from `level` on, others' from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("roost").setLevel(level.upper())


def declare(app: App, config: ConfigTable) -> None:
    """What pyproject.toml said when the Worker was bundled: weaker than its variables."""
    _declared[app] = config


_declared: dict[App, ConfigTable] = {}
_read: dict[App, Settings] = {}
