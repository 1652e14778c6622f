"""Twice the same header, simple posts of foreign pages, keys of strangers, secrets that lie about."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import pytest

from roost import App, Caller, Credentials
from roost.contract.address import Address
from roost.contract.errors import RoostError
from roost.contract.operators import Operators
from roost.hosting.folders import private
from roost.sockets import admission
from roost.testing import world
from roost_cli.complaint import Complaint
from roost_cli.serve import config_lines
from roost_cli.token import make_token
from roost_local.store import SqliteStore

from .app import Counter
from .raw import ask, code, opening, request

CALL = "/v1/agents/counter/door/call/add"
JSON = "Content-Type: application/json"
HOST = "Host: localhost"


@pytest.mark.parametrize(
    "twice",
    [
        ("Authorization: Bearer a", "Authorization: Bearer b"), ("Authorization: Bearer a", "authorization: Bearer a"),
        ("Authorization: Bearer a, Bearer b",), ("Authorization: Bearer a,Bearer b",), (HOST,), ("host: localhost",),
        (JSON, JSON), ("Idempotency-Key: a", "Idempotency-Key: b"), ("Origin: http://localhost", "Origin: null"),
        ("Roost-Timeout: 1", "Roost-Timeout: 2"), ("Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"),
        ("Last-Event-ID: 1", "Last-Event-ID: 2"),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize(
    "line", [f"POST {CALL}", "POST /v1/agents/counter/door/tell/add", "POST /agents/counter/door", "GET /v1/agents"]
)
def test_what_decides_comes_once(url: str, line: str, twice: tuple[str, ...]) -> None:
    status, _, answer = ask(url, request(line, HOST, *twice))
    assert (status, code(answer)) == (400, "doubled-header")
    assert httpx.get(f"{url}/v1/agents/counter/door").status_code == 404


def test_lengths_come_once(url: str) -> None:
    for lengths in (("Content-Length: 2", "Content-Length: 2"), ("Content-Length: 2", "Transfer-Encoding: chunked")):
        assert ask(url, request(f"POST {CALL}", HOST, JSON, *lengths) + b"{}")[0] == 400
    assert httpx.get(f"{url}/v1/agents/counter/door").status_code == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/agents?agent=counter&name=door&name=other", ()), ("/agents?agent=counter&agent=x&name=door", ()),
        ("/agents/counter/door?_pk=a&_pk=b", ()), ("/agents/counter/door", ("Authorization: a", "Authorization: b")),
    ],
)  # fmt: skip
def test_a_handshake_too(url: str, path: str, headers: tuple[str, ...]) -> None:
    status, frames, closed = opening(url, path, HOST, *headers)
    assert (status, [f["type"] for f in frames], closed) == (101, ["roost_close"], 4400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize(
    "page",
    [
        ("Origin: http://evil.example",), ("Origin: null",), ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site",), ("Origin: http://localhost:1", "Sec-Fetch-Site: same-site"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", [CALL, "/v1/agents/counter/door/tell/add", "/agents/counter/door", "/agents/counter/door/x"]
)
def test_a_simple_post_of_a_foreign_page_runs_nothing(url: str, path: str, page: tuple[str, ...], kind: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH") if path.startswith("/agents/") else ("POST",):
        status, _, answer = ask(url, request(f"{method} {path}", HOST, *page, f"Content-Type: {kind}", body=b"{}"))
        assert (status, code(answer)) == (403, "bad-origin")
    assert httpx.get(f"{url}/v1/agents/counter/door").status_code == 404


def test_a_page_of_our_own_and_no_page_may(url: str) -> None:
    for headers in (("Origin: http://localhost", "Sec-Fetch-Site: same-origin"), ("Sec-Fetch-Site: none",), ()):
        assert ask(url, request("POST /agents/counter/own", HOST, *headers))[0] == 200


def test_a_key_of_a_stranger_answers_its_own_request_only(url: str) -> None:
    """Callers without a name share their keys: a key is a secret, and answers nothing but the request it was for."""
    path = f"{url}/v1/agents/counter/shared/call/add"
    key = {"idempotency-key": "guessed"}
    assert httpx.post(path, json={"args": [7]}, headers=key).json() == {"result": 7}
    for by in (8, 0, -7):
        answer = httpx.post(path, json={"args": [by]}, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")


@pytest.mark.anyio
async def test_the_project_folder_is_its_owners(tmp_path: Path) -> None:
    old = tmp_path / "old" / ".roost"
    old.mkdir(parents=True, mode=0o755)
    make_token(old / "admin-token")
    assert old.stat().st_mode & 0o777 == 0o700
    await SqliteStore.open(tmp_path / "new" / ".roost" / "agents.db").close()
    assert (tmp_path / "new" / ".roost").stat().st_mode & 0o777 == 0o700
    old.chmod(0o755)
    private(old / "workerd")
    assert (old.stat().st_mode & 0o777, (old / "workerd").stat().st_mode & 0o777) == (0o700, 0o700)


def test_secrets_of_config_come_from_a_file(tmp_path: Path) -> None:
    """What stands on the command line is shown to every user of the machine."""
    path = tmp_path / "config"
    path.write_text("# keys\n\ncounter.key=a=b\n  counter.other=2\n")
    assert config_lines(["counter.first=1", f"@{path}"]) == ["counter.first=1", "counter.key=a=b", "counter.other=2"]
    with pytest.raises(Complaint, match="can't be read"):
        config_lines([f"@{tmp_path}/none"])


def test_secrets_of_a_handshake_are_the_hooks_alone() -> None:
    secret = ["token", "access_token", "ticket", "apiKey", "api-key", "Password", "jwt", "auth", "sig", "client_secret"]
    plain = {"room": "1", "_pk": "2", "author": "3", "design": "4"}
    assert admission.without_secrets({**dict.fromkeys(secret, "x"), **plain}) == plain


@pytest.mark.anyio
async def test_a_hook_that_hangs_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def hangs(credentials: Credentials) -> Caller | None:
        await asyncio.Event().wait()
        return None

    async with world(App([Counter], auth=hangs)) as w:
        asked = Credentials({}, {}, Address("counter", "a"), False)
        runtime = w.backend.runtime
        task = asyncio.ensure_future(admission.authenticate(runtime, asked, Operators()))
        await w.advance(seconds=admission.HOOK + 1)
        with caplog.at_level(logging.ERROR), pytest.raises(RoostError) as refused:
            await asyncio.wait_for(task, 5)
        assert (refused.value.code, refused.value.status) == ("auth-timeout", 503)
