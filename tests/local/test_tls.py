"""TLS: by real clients, with a certificate of the test's own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from roost.contract.errors import Rejected
from roost_server.intake import Terms
from roost_server.tls import Certificate
from tests.attacks.app import app

from .certificates import make
from .inside import inside
from .server import PATHS, ROOT, TOKEN

pytestmark = pytest.mark.anyio
CALL = "/v1/agents/counter/a/call/add"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_calls_and_sockets(tmp_path: Path) -> None:
    pair = make(tmp_path)
    async with inside(app, certificate=Certificate(pair.chain, pair.key)) as (port, _):
        url = f"https://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, verify=pair.client(), timeout=10) as http:
            answers = await asyncio.gather(*(http.post(CALL) for _ in range(20)))
            assert sorted(a.json()["result"] for a in answers) == [*range(1, 21)]
            big = await http.post(CALL, content=b'{"args":[1]}' + b" " * 900_000)
            assert big.json() == {"result": 21}
            assert "strict-transport-security" not in big.headers, "loopback is nobody's site"
            assert big.headers["x-content-type-options"] == "nosniff"
        async with connect(f"wss://127.0.0.1:{port}/agents/counter/a", ssl=pair.client()) as ws:
            frames = [await asyncio.wait_for(ws.recv(), 10) for _ in range(3)]
            assert '"count":21' in str(frames[1])
            await ws.send('{"type":"rpc","id":"1","method":"add","args":[]}')
            assert '"result":22' in "".join([str(await asyncio.wait_for(ws.recv(), 10)) for _ in range(2)])


async def test_hsts_where_others_reach_it(tmp_path: Path) -> None:
    pair = make(tmp_path)
    async with (
        inside(app, exposed=True, certificate=Certificate(pair.chain, pair.key)) as (port, _),
        httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=pair.client(), timeout=10) as http,
    ):
        for answer in (await http.get("/healthz"), await http.post(CALL), await http.get("/nothing")):
            assert answer.headers["strict-transport-security"] == "max-age=31536000", answer.url


async def test_old_versions_plain_text_and_strangers_are_refused(tmp_path: Path) -> None:
    pair = make(tmp_path)
    async with inside(app, certificate=Certificate(pair.chain, pair.key)) as (port, _):
        old = pair.client()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=old, server_hostname="localhost"), 10)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in await asyncio.wait_for(reader.read(), 10)
        writer.close()
        async with httpx.AsyncClient(verify=True, timeout=10) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"https://127.0.0.1:{port}/healthz")
        async with httpx.AsyncClient(verify=pair.client(), timeout=10) as http:
            assert (await http.get(f"https://127.0.0.1:{port}/healthz")).status_code == 200


async def test_silent_handshakes_are_cut_and_counted(tmp_path: Path) -> None:
    pair = make(tmp_path)
    terms = Terms(head_timeout=0.4, connections=8)
    async with inside(app, certificate=Certificate(pair.chain, pair.key), terms=terms) as (port, _):
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for one in silent:
            one.setblocking(False)
        async with asyncio.timeout(10):
            for one in silent:  # 8 have their time, the others none: all are gone in the end
                with suppress(ConnectionError):
                    assert await asyncio.get_running_loop().sock_recv(one, 1) == b""
                one.close()
        async with httpx.AsyncClient(verify=pair.client(), timeout=10) as http:
            assert (await http.get(f"https://127.0.0.1:{port}/healthz")).status_code == 200
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=pair.client(), server_hostname="localhost"
        )
        writer.write(b"GET /healthz HT")  # a head that does not end is bounded as without TLS
        assert b" 408 " in await asyncio.wait_for(reader.read(), 10)
        writer.close()


def test_what_can_not_be_used_is_said(tmp_path: Path) -> None:
    one, two = make(tmp_path, "one"), make(tmp_path, "two")
    locked = make(tmp_path, "locked", b"secret")
    for chain, key in (
        (one.chain, two.key),
        (one.key, one.chain),
        (tmp_path / "none", one.key),
        (locked.chain, locked.key),
    ):
        with pytest.raises(Rejected, match="can't be used"):
            Certificate(chain, key)


def test_serve_and_a_renewed_certificate(tmp_path: Path) -> None:
    """The command itself, on the loop it takes."""
    pair = make(tmp_path)
    command = [
        sys.executable, "-m", "roost_cli", "serve", "tests.attacks.app:app", "--port", "0", "--data", ":memory:",
        "--tls-cert", str(pair.chain), "--tls-key", str(pair.key),
    ]  # fmt: skip
    env = {**os.environ, "ROOST_ADMIN_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"https://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        port = int(found[1])
        first = ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
        assert first == pair.chain.read_text()
        with httpx.Client(base_url=found[0], verify=pair.client(), timeout=10) as http:
            assert http.post(CALL).json() == {"result": 1}
            pair.chain.write_text("nothing")
            process.send_signal(signal.SIGHUP)
            assert http.post(CALL).json() == {"result": 2}
            assert ssl.get_server_certificate(("127.0.0.1", port), timeout=10) == first, "a bad file changes nothing"
            again = make(tmp_path)
            process.send_signal(signal.SIGHUP)
            for _ in range(200):
                if ssl.get_server_certificate(("127.0.0.1", port), timeout=10) == again.chain.read_text():
                    break
            else:
                raise AssertionError("the new certificate is not served")
            assert http.post(CALL).json() == {"result": 3}, "connections that are open stay"
    finally:
        process.terminate()
        process.communicate(timeout=40)
    assert process.returncode == 0


def test_half_of_a_pair_is_refused(tmp_path: Path) -> None:
    pair = make(tmp_path)
    for given in (["--tls-cert", str(pair.chain)], ["--tls-key", str(pair.key)]):
        command = [sys.executable, "-m", "roost_cli", "serve", "tests.attacks.app:app", "--port", "0", *given]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2 and "belong together" in done.stderr, done.stderr
