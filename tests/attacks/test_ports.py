"""What listens while an app is developed: the console, workerd; and frames of connections that were refused."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from pydantic_core import to_json

from roost.contract.address import Address
from roost_cloudflare.harness import CloudflareHarness
from roost_lambda.events import Framed
from roost_lambda.gateway import ApiGateway
from tests.local.cli.program import Running, write_app

from .raw import ask, code, opening, request
from .test_emulator import listening

LINK = r"(http://127\.0\.0\.1:\d+)/#start=([\w-]+)"


def test_the_console_is_where_no_app_was(tmp_path: Path) -> None:
    """A service worker of an app that was once served there would answer in the console's place, and see its key."""
    write_app(tmp_path)
    urls: list[str] = []
    for _ in range(2):
        with Running("dev", "--port", "0", cwd=tmp_path) as dev:
            urls.append(dev.heard(LINK)[1])
            for path in ("/", "/worker.js", "/_roost/static/app.js"):
                answer = httpx.get(urls[-1] + path, headers={"service-worker": "script"})
                assert "service-worker-allowed" not in answer.headers
    kept = tmp_path / ".roost" / "console-port"
    assert urls[0] == urls[1] == f"http://127.0.0.1:{kept.read_text().strip()}", "its address stays"
    kept.write_text("nonsense")
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        assert dev.heard(LINK)[1] == f"http://127.0.0.1:{kept.read_text().strip()}"


@pytest.mark.anyio
async def test_a_frame_of_a_refused_connection_ends_at_once() -> None:
    async def bound(cid: str) -> tuple[Address, bytes]:
        return Address("-", "-"), to_json({"ready": False, "refused": True})

    clock = SimpleNamespace(monotonic=time.monotonic, now=time.time)
    runtime = SimpleNamespace(app=SimpleNamespace(hosts=()), host=clock)
    backend: Any = SimpleNamespace(bound=bound, runtime=runtime)
    gateway = ApiGateway(backend, cast(Any, None), cast(Any, None), cast(Any, None), cast(Any, None))
    began = time.monotonic()
    await gateway.frame(Framed("c", '{"type":"rpc"}', time.time()), began + 20)
    assert time.monotonic() - began < 0.5


@pytest.mark.anyio
async def test_workerd_listens_once_and_only_here() -> None:
    harness = CloudflareHarness()
    await harness.start(restless=False)
    try:
        assert listening(harness.pid) == {int(harness.url.rpartition(":")[2])}, "no inspector, no control port"
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1"):
            for line in ("GET /v1/agents", "GET /healthz", "POST /v1/agents/counter/a/call/increment"):
                status, _, body = ask(harness.url, request(line, f"Host: {host}", f"Origin: http://{host}"))
                assert (status, code(body)) == (421, "bad-host"), (host, line)
            closed = opening(harness.url, "/agents/counter/a", f"Host: {host}", f"Origin: http://{host}")[2]
            assert closed == 4421, host
        for path in ("/json/version", "/json/list", "/cdn-cgi/mf/scheduled", "/cdn-cgi/handler/scheduled"):
            assert ask(harness.url, request(f"GET {path}", "Host: localhost"))[0] == 404, path
    finally:
        await harness.stop()
