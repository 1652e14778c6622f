"""`roost dev --on EMULATOR`: the app on a platform's own runtime on this machine, staged anew when a file changes.

The platform starts and stops it (roost.platform.Emulator); watching, waiting and telling are done here. Each
start checks the app in a process of its own first, so that an author's mistake is shown with the author's code.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from roost.author.config import variable
from roost.contract.errors import RoostError
from roost.contract.visible import visible_lines
from roost.hosting.platform import Emulator, Platform, Serving
from roost_server.listen import Listen
from roost_server.options import dotenv

from .blame import short
from .broken import Broken
from .complaint import BROKEN, USAGE, Complaint
from .gather import gather
from .project import Project
from .report import put_json, say, show_error, style
from .serve import MEMORY, config_lines, split_config
from .supervisor import LOOK, PAUSES, SETTLED, WAITING
from .token import shown_token
from .watch import Watch
from .welcome import welcome

VARIABLE: Final = re.compile(r"ROOST_[A-Z0-9_]+__\w+", re.IGNORECASE)
"""Config of an agent. Of this shell a deployment knows nothing else but `PASSED`."""
PASSED: Final = ("ROOST_OPERATORS", "ROOST_EXPORT_KEYS")
"""As `roost dev` without an emulator knows them. The admin token goes another way: it is made where there is none."""


class Emulated:
    """`run` until a signal."""

    def __init__(
        self, platform: Platform, project: Project, app: str, args: argparse.Namespace, token: str, watch: Watch | None
    ) -> None:
        if args.data == MEMORY:
            raise Complaint(f"{platform.emulator} keeps its data on disk: --data names a folder", USAGE)
        self._platform = platform
        self._project = project
        self._app = app
        self._token = token
        self._watch = watch
        self._port: int = args.port
        self._json: bool = args.json
        self._data = Path(args.data or project.root / ".roost" / str(platform.emulator)).resolve()
        self._environment = _environment(project.root, args)
        self._config: list[str] = args.config
        self._shown = shown_token(project)
        self._told = False
        self._usage = False
        self._why = ""

    async def run(self) -> int:
        """The exit code: 0 after a signal."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        stopping = asyncio.ensure_future(stop.wait())
        ends = 0
        while not stop.is_set():
            began = time.monotonic()
            running = await self._start(stopping)
            if stop.is_set():
                break
            if self._usage and not self._told:
                return USAGE
            broken = await self._stand_in() if running is None else None
            changed = asyncio.ensure_future(self._changed())
            waits: list[asyncio.Future[Any]] = [stopping, changed]
            if running is not None:
                waits.append(asyncio.ensure_future(running.ended()))
            elif self._watch is None:
                return BROKEN
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            ended = running is not None and waits[-1].done()
            for wait in waits[1:]:
                wait.cancel()
            if broken is not None:
                broken.close()
            if running is not None:
                await running.stop()
            if ended and not stop.is_set() and not (changed.done() and not changed.cancelled()):
                ends = 0 if time.monotonic() - began > SETTLED else ends + 1
                pause = PAUSES[min(ends, len(PAUSES) - 1)]
                say(style(f"roost: {self._platform.emulator} ended; starting it again in {pause:g} s", "yellow"))
                await asyncio.wait([stopping], timeout=pause)
        stopping.cancel()
        return 0

    async def _start(self, stopping: asyncio.Future[Any]) -> Emulator | None:
        """The emulator once it answers; None when the app can't be served as it is, or a signal came."""
        began = time.monotonic()
        say(style(f"roost: starting {self._platform.emulator}", "dim", sys.stderr))
        try:
            outlined = await self._outlined()
            if outlined is None:
                return None
            serving = Serving(self._port, self._data, self._token, self._environment, self._log)
            made = self._platform.dev(gather(self._project, self._app), serving)
            starting = asyncio.ensure_future(made.start())
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                with suppress(asyncio.CancelledError):
                    await starting
                return None
            url = starting.result()
        except Complaint as complaint:
            self._unserved(f"roost: {complaint}", complaint.code)
            return None
        except RoostError as error:
            show_error(error)
            self._unserved("", why=error.message)
            return None
        self._port = urlsplit(url).port or self._port
        if self._told:
            say(style(f"roost: serving again ({time.monotonic() - began:.1f} s)", "green", sys.stderr))
        elif self._json:
            kinds = [kind["kind"] for kind in outlined["kinds"]]
            put_json({"serving": url, "app": self._app, "data": short(str(self._data)), "kinds": kinds})
            self._told = True
        else:
            welcome(
                self._app, {"url": url, **outlined}, short(str(self._data)), None, reloads=self._watch is not None,
                on=self._on(), base_path=self._platform.base_path, token=self._shown,
            )  # fmt: skip
            self._told = True
        return made

    def _unserved(self, said: str, code: int = BROKEN, why: str | None = None) -> None:
        """The app can't be served: say it, and keep it for those who ask meanwhile."""
        if said:
            say(said)
        self._usage = code == USAGE
        self._why = why or said.removeprefix("roost: ")

    async def _stand_in(self) -> Broken | None:
        """Answers with what is wrong until a file changes; None where nothing is waited for."""
        if self._watch is None:
            return None
        say(style(f"roost: {WAITING}", "yellow", sys.stderr))
        if not self._port:
            return None  # nobody knows a port yet
        broken = Broken(self._why)
        try:
            await broken.start(Listen(port=self._port).bind())
        except RoostError:
            return None
        return broken

    async def _outlined(self) -> dict[str, Any] | None:
        """The app's outline, from a process that imports it as it is now; None when it can't, and has said why."""
        command = [sys.executable, "-m", "roost_cli.outlined", self._app, str(self._project.root), *self._config]
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        out, heard = await child.communicate()
        said = heard.decode(errors="replace").rstrip()
        if child.returncode == 0:
            if said:
                say(said)
            return cast("dict[str, Any]", json.loads(out))
        self._unserved(said, child.returncode or BROKEN)
        return None

    async def _changed(self) -> None:
        """Returns when a source file has changed and nothing moves any more."""
        while True:
            await asyncio.sleep(LOOK)
            changed = self._watch.changed() if self._watch is not None else []
            if changed:
                while more := cast(Watch, self._watch).changed():
                    changed += more
                    await asyncio.sleep(0.05)
                say(style(f"roost: {', '.join(short(p) for p in changed[:3])} changed", "dim", sys.stderr))
                return

    def _log(self, line: str) -> None:
        say(f"{style(str(self._platform.emulator), 'dim', sys.stderr)} {visible_lines(line)}")

    def _on(self) -> str:
        return f"{self._platform.emulator}, the runtime of {self._platform.name}"


def _environment(root: Path, args: argparse.Namespace) -> Mapping[str, str]:
    """What the deployment is configured with: `.env`, this shell's variables and --config, the last strongest."""
    found = {**dotenv(root / ".env"), **os.environ}
    out = {name: value for name, value in found.items() if VARIABLE.fullmatch(name)}
    for text in config_lines(args.config):
        kind, field, value = split_config(text)
        out[variable(kind, *field.split("."))] = value
    out |= {name: os.environ[name] for name in PASSED if os.environ.get(name)}
    out["ROOST_LOG_LEVEL"] = args.log_level
    if args.restless:
        out["ROOST_RESTLESS"] = "1"
    return out
