"""What `roost dev` says once it serves: where everything is, and three lines that work when pasted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .console import sample
from .report import put, style

KEY = "demo"
"""The agent of the examples."""
FIRST: Final = "send"
"""The action to try where there is one: what one says to a chat agent."""


def welcome(
    named: str, report: dict[str, Any], data: str, emulate: str | None, *, reloads: bool, on: str = "",
    base_path: str | None = None, token: str,
) -> None:  # fmt: skip
    """Print it. `report`: {url, kinds, auth, page}; the page is for one browser, once.

    `on`: the platform's runtime that serves it; it has no console page.

    `base_path`: of all WebSockets, where they share one. `token`: how a shell reads the operator's.
    """
    url, kinds = report["url"], report["kinds"]
    base_path = "prod" if emulate == "lambda" else base_path
    names = ", ".join(k["kind"] for k in kinds)
    put("")
    put(f"  {style('Roost', 'bold')} serves {named}: {names}")
    put("")
    put(f"  url   {style(url, 'cyan')}")
    if "page" in report:
        put(f"  page  {style(report['page'], 'cyan')}")
    put(f"  data  {data}")
    if on:
        put(f"  on    {style(on, 'yellow')}")
    if emulate is not None:
        put(f"  rules of {style(emulate, 'yellow')} hold")
    found = next(((k, a) for k in kinds for a in sorted(k["actions"], key=lambda a: a["name"] != FIRST)), None)
    if found is not None:
        kind, action = found
        put("")
        if report.get("auth"):
            put(style("  # App(auth=...) asks who calls: here it is the operator; --token takes any token", "dim"))
        for name, line in lines(url, kind["kind"], action, base_path, token if report.get("auth") else None):
            put(style(f"  # {name}", "dim"))
            put(f"  {line}")
    put("")
    put(style("  Ctrl-C stops." + (" Change a file and it reloads." if reloads else ""), "dim"))
    put("")


def lines(
    url: str, kind: str, action: dict[str, Any], base_path: str | None, token: str | None = None
) -> list[tuple[str, str]]:
    """(for what, the line), each for a shell or a JavaScript prompt. `token`: how a shell reads it, if it is needed."""
    args, kwargs = sample(action["schema"])
    body = json.dumps({"kwargs": kwargs} if kwargs else {"args": args})
    curl = (
        f"curl -X POST {url}/v1/agents/{kind}/{KEY}/call/{action['name']} "
        f"-H 'content-type: application/json' -d {shlex.quote(body)}"
    )
    if token is not None:
        curl += f""" -H "authorization: Bearer {token.strip('"')}\""""
    where = urlsplit(url)
    words = [program(), "call", kind, KEY, action["name"], *_words(args, kwargs)]
    if where.port != 8787:
        words.append(f"--url {url}")
    if token is not None:
        words.append(f"--token {token}")
    host: dict[str, Any] = {"agent": kind, "name": KEY, "host": where.netloc}
    if base_path is not None:
        host = {**host, "basePath": base_path, "query": {"agent": kind, "name": KEY}}
    values = [*args, *kwargs.values()]
    verb = "await a.call(" + ", ".join(json.dumps(x) for x in (action["name"], values)) + ")"
    if action["streams"]:
        on = "{ onChunk: (c) => console.log(c), onDone: () => a.close() }"
        verb = f"await a.call({json.dumps(action['name'])}, {json.dumps(values)}, {on})"
    script = (
        f'const {{ AgentClient }} = await import("agents/client"); '
        f"const a = new AgentClient({json.dumps(host)}); console.log({verb});"
    )
    found = [("curl", curl), ("the same with roost", " ".join(words))]
    if token is None:  # what an auth hook reads of a WebSocket, only its author knows
        found.append(("JavaScript, after npm install agents, in Node 22 or a browser", script))
    return found


def _words(args: list[Any], kwargs: dict[str, Any]) -> list[str]:
    return [shlex.quote(_word(v)) for v in args] + [shlex.quote(f"{k}={_word(v)}") for k, v in kwargs.items()]


def _word(value: Any) -> str:
    """Text as it is where it reads back as the same text, else JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def program() -> str:
    """How this command can be run again from here."""
    mine = Path(sys.argv[0])
    if mine.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m roost_cli"
    found = shutil.which("roost")
    if found is not None and mine.exists() and mine.samefile(found):
        return "roost"
    path = os.path.relpath(mine)
    return shlex.quote(path if not path.startswith("..") else str(mine.resolve()))
