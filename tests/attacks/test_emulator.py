"""A web page, or another user of this machine, at the ports of `roost dev --on aws-emulator`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from roost_lambda.emulator.environment import environments
from roost_lambda.emulator.process import Ministack
from roost_lambda.emulator.stack import client
from roost_lambda.harness import LambdaHarness

from .raw import ask, opening, request

pytestmark = pytest.mark.anyio
EVIL = "http://evil.example"
LIST = "/2015-03-31/functions"
"""Names every function, with its environment and so its secrets."""


@pytest.fixture
async def emulator() -> AsyncIterator[Ministack]:
    made = Ministack(environments(print))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_the_aws_apis_are_for_who_knows_the_secret_of_the_run(emulator: Ministack) -> None:
    ours = emulator.signed
    theirs = {"authorization": ours["authorization"].replace(emulator.key, "test")}
    async with httpx.AsyncClient(base_url=emulator.endpoint, timeout=60) as http:
        for path in (LIST, "/_ministack/health", "/_edge", "/", "/_localstack/health", "/_aws/lambda", "/nowhere"):
            for headers in (
                {}, theirs, {**ours, "origin": EVIL}, {**ours, "origin": "null"}, {"host": "evil.example"},
                {**ours, "sec-fetch-site": "cross-site"}, {**ours, "sec-fetch-mode": "no-cors"},
                {**ours, "host": "evil.example"}, {"x-amz-credential": emulator.key},
            ):  # fmt: skip
                for method in ("GET", "POST", "PUT", "OPTIONS"):
                    answer = await http.request(method, path, headers=headers)
                    assert (answer.status_code, answer.json()["code"]) == (403, "not-signed"), (method, path, headers)
                    assert not [name for name in answer.headers if name.startswith("access-control-")]
            query = f"{path}?X-Amz-Credential={emulator.key}/0/us-east-1/lambda/aws4_request"
            assert (await http.get(query)).status_code == 403, "a link is no signature"
        twice = [("authorization", ours["authorization"]), ("authorization", theirs["authorization"])]
        assert (await http.get(LIST, headers=twice)).status_code == 403
        answer = await http.get(LIST, headers=ours)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert client(emulator, "lambda").list_functions()["Functions"] == []
    for lines in ((f"Host: {emulator.endpoint[7:]}",), (f"Host: {emulator.endpoint[7:]}", f"Origin: {EVIL}")):
        assert opening(emulator.endpoint, "/", *lines)[0] != 101, "it has no sockets"


async def test_what_is_deployed_answers_to_this_machine_only(emulator: Ministack) -> None:
    for host in ("evil.example", "localhost.evil.example", "[", "", "127.0.0.1.nip.io"):
        assert ask(emulator.url, request("GET /healthz", f"Host: {host}"))[0] in (400, 421), host
        assert opening(emulator.url, "/prod?agent=counter&name=a", f"Host: {host}")[0] != 101, host
    for host in ("localhost", "127.0.0.1:1", "[::1]", "app.localhost"):
        assert ask(emulator.url, request("GET /healthz", f"Host: {host}"))[0] == 503, "nothing is deployed yet"


async def test_nobody_takes_the_events_of_a_function() -> None:
    harness = LambdaHarness()
    await harness.start(restless=False)
    try:
        known = {int(url.rpartition(":")[2]) for url in (harness.url, harness.emulator.endpoint)}
        ports = listening(harness.emulator.pid) - known
        assert ports, "each function has a port of its own"
        for port in ports:
            url, path = f"http://127.0.0.1:{port}", "/2018-06-01/runtime/invocation/next"
            for lines in (
                (f"Host: 127.0.0.1:{port}", "Sec-Fetch-Site: cross-site"),
                (f"Host: 127.0.0.1:{port}", f"Origin: {EVIL}"),
                ("Host: evil.example",), (), (f"Host: 127.0.0.1:{port}",),
            ):  # fmt: skip
                for front in ("", f"/{'0' * 32}", "/", "/.."):
                    assert ask(url, request(f"GET {front}{path}", *lines))[0] == 403, lines
                    done = f"POST {front}/2018-06-01/runtime/invocation/x/response"
                    assert ask(url, request(done, *lines, body=b"{}"))[0] == 403, lines
        async with httpx.AsyncClient(base_url=harness.url, timeout=60) as http:
            assert (await http.get("/healthz")).status_code == 200, "the functions still work"
    finally:
        await harness.stop()


def listening(pid: int) -> set[int]:
    """The TCP ports a process listens on, by Linux's /proc."""
    links: list[Path] = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            links.append(fd.readlink())
    inodes = {found[1] for link in links if (found := re.match(r"socket:\[(\d+)\]", str(link)))}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes}
