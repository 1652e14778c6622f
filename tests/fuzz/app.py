"""The fuzzer's app, loaded by every backend."""

from __future__ import annotations

from roost import App

from .family import AGENTS

app = App([*AGENTS.values()])
