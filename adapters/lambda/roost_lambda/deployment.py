"""One process of a function: its loop, its app, its backend. Made at the first event, kept for all that follow.

A bundle names its app and config in `roost-bundle.json`; variables of the function come first.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import time
from collections.abc import Coroutine, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from roost.author.app import App
from roost.author.config import from_environment, resolve
from roost.contract.errors import Rejected
from roost.contract.operators import Operators
from roost.hosting.asyncio_host import AsyncioHost, run_through

from .aws import Aws
from .backend import LambdaBackend
from .counts import TableCounts
from .fetch import LateFetch
from .secrets import resolved
from .sockets import Sockets
from .sqs_bells import Places, SqsBells
from .store import DynamoStore

T = TypeVar("T")
MANIFEST: Final = "roost-bundle.json"
CLAIM: Final = 30.0
"""Seconds for which a job is an executor's, unless it renews its claim; the emulator's tests have less."""
MARGIN: Final = 1.5
"""Seconds before the function's own time-out at which work must be done: its answer still has to get out."""


class Deployment:
    """What outlives an invocation."""

    def __init__(self, app: App, environment: Mapping[str, str], aws: Aws, config: Mapping[str, Any]) -> None:
        self.app = app
        self.aws = aws
        self.operators = Operators.from_environment(environment)
        self.origin_secret = environment.get("ROOST_ORIGIN_SECRET") or None
        self.store = DynamoStore.open(environment["ROOST_TABLE"])
        self.sockets = Sockets(aws, self._gone)
        places = Places(
            environment["ROOST_DOORBELLS"], environment["ROOST_JOBS"], environment["ROOST_TIMERS_ARN"],
            environment["ROOST_SCHEDULES"], environment["ROOST_SCHEDULES_ROLE"],
        )  # fmt: skip
        self.bells = SqsBells(aws, places)
        self.jobs = places.jobs
        self.claim = float(environment.get("ROOST_JOB_CLAIM") or CLAIM)
        here = bool(environment.get("ROOST_LOOPBACK"))  # the emulator
        fetch = LateFetch(app.egress, private=here)
        self.backend = LambdaBackend(
            app, self.store, self.sockets, self.bells, fetch, AsyncioHost(), config=config,
            restless=bool(environment.get("ROOST_RESTLESS")),
        )  # fmt: skip
        if not here:
            self.backend.runtime.expose()
        if self.backend.runtime.meter is not None:
            self.backend.runtime.meter.counts = TableCounts(self.store.table, time.time)

    async def _gone(self, cid: str) -> None:
        """410: nobody is there. The row goes; what the agent keeps of it goes with $disconnect, or a sweep."""
        await self.backend.unbind(cid)

    async def again(self, event: Mapping[str, Any]) -> None:
        """Have this function invoked with an event, later."""
        name, payload = os.environ["AWS_LAMBDA_FUNCTION_NAME"], json.dumps(event).encode()
        await self.aws.call("lambda", "invoke", FunctionName=name, InvocationType="Event", Payload=payload)

    @staticmethod
    async def open(environment: Mapping[str, str]) -> Deployment:
        """Rejected: the app can't be found, or its config is not complete."""
        aws = Aws()
        manifest = read_manifest()
        given = await resolved(aws, environment)
        app = load(given.get("ROOST_APP") or str(manifest.get("app", "")))
        config = resolve(app.kinds.values(), [from_environment(given, app.kinds.values()), manifest.get("config", {})])
        return Deployment(app, given, aws, config)


def load(name: str) -> App:
    """The app `module:attribute`."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise Rejected(f"ROOST_APP is {name!r}; it must name an app as module:attribute", code="bad-app", status=500)
    found: Any = getattr(importlib.import_module(module), attribute, None)
    if not isinstance(found, App):
        raise Rejected(f"{name} is no roost.App", code="bad-app", status=500)
    return found


def read_manifest() -> dict[str, Any]:
    """What `roost bundle lambda` wrote beside the code."""
    path = Path(os.environ.get("LAMBDA_TASK_ROOT", ".")) / MANIFEST
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


class Process:
    """The loop of this process and the deployment on it; made with its first event, for a process may be one of
    several that were restored from a snapshot of its imports."""

    def __init__(self) -> None:
        self._found: Deployment | None = None

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        return loop

    def deployment(self) -> Deployment:
        if self._found is None:
            self._found = self.run(Deployment.open(os.environ))
        return self._found

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return run_through(self.loop, work)


def end_of(context: Any) -> float:
    """By which monotonic second the invocation must be done."""
    left = float(context.get_remaining_time_in_millis()) / 1000
    return time.monotonic() + max(0.5, left - MARGIN)
