"""What a Worker loads before its first event: an app without jobs loads nothing of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SERVED = """
import json, sys
from types import ModuleType
from unittest.mock import MagicMock

for name in ("js", "pyodide", "pyodide.ffi"):
    sys.modules[name] = MagicMock()
sys.modules["pyodide.ffi"].JsException = OSError
workers = sys.modules["workers"] = ModuleType("workers")
workers.DurableObject = workers.WorkerEntrypoint = object

from pydantic import BaseModel
from roost import Agent, App, Run, action, job
from roost_cloudflare.worker import serve

class State(BaseModel):
    n: int = 0

class Plain(Agent[State]):
    @action
    async def add(self) -> None: ...

class Working(Agent[State]):
    @job
    async def work(self, run: Run) -> None: ...

serve(App([{kind}]))
print(json.dumps(sorted(sys.modules)))
"""
JOBS = {"roost.engine.jobs.executor", "roost.engine.jobs.loop", "roost.hosting.jobs.change"}


@pytest.mark.parametrize(("kind", "there"), [("Plain", set[str]()), ("Working", JOBS)], ids=["without", "with"])
def test_an_app_without_jobs_loads_nothing_of_them(kind: str, there: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED.replace("{kind}", kind)], capture_output=True, text=True, timeout=60, check=True
    )
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert found & JOBS == there
    assert "roost_cloudflare.object" in found
