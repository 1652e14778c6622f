"""`roost serve`: one line, one data file, one process; config from everywhere; an end without loss."""

import json
import re
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from .program import APP, Running, here, roost, write_app

CONFIGURED = """\
from pydantic import BaseModel, SecretStr
from roost import Agent, App, Empty, action

class Settings(BaseModel):
    word: str
    token: SecretStr
    step: int = 1

class Speaker(Agent[Empty, Settings]):
    @action
    async def say(self) -> list[str]:
        return [self.config.word, self.config.token.get_secret_value(), str(self.config.step)]

app = App([Speaker])
"""

SLOW = APP.replace("class Counter", "import asyncio\n\nclass Counter").replace(
    "        self.record", '        print("began", flush=True)\n        await asyncio.sleep(0.4)\n        self.record'
)


def call(url: str, path: str, body: object = None) -> object:
    answer = httpx.post(f"{url}/v1/agents/{path}", json=body if body is not None else {}, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_says_one_line_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        url = server.url
        assert call(url, "counter/a/call/increment") == 1
        assert server.end() == 0
    assert server.said.splitlines() == [f"roost: serving main:app on {url} (data .roost/agents.db)"]
    with Running("serve", "main:app", "--port", "0", cwd=tmp_path) as server:
        assert call(server.url, "counter/a/call/increment") == 2


def test_memory_keeps_nothing(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", "--data", ":memory:", cwd=tmp_path) as server:
        assert call(server.url, "counter/a/call/increment") == 1
        assert "(data :memory:)" in server.said
    assert not (tmp_path / ".roost").exists()


def test_a_unix_socket(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--uds", "r.sock", cwd=tmp_path) as server:
        server.heard(r"on unix:r\.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "r.sock")), base_url="http://x") as client:
            assert client.get("/readyz").status_code == 200


def test_sigterm_lets_a_running_tick_end(tmp_path: Path) -> None:
    write_app(tmp_path, SLOW)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        url, answers = server.url, list[object]()
        caller = threading.Thread(target=lambda: answers.append(call(url, "counter/a/call/increment")))
        caller.start()
        server.heard("began")
        assert server.end() == 0
        caller.join()
    assert answers == [1]


FORGETFUL = """
import asyncio, threading, time
from roost import Agent, App, action

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

class Forgetful(Agent):
    @action
    async def leave(self, what: str) -> None:
        if what == "worker":
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
        elif what == "thread":
            threading.Thread(target=nap, name="the-napper").start()
        else:
            kept.append(asyncio.ensure_future(stubborn()))

def nap():
    time.sleep(60)

kept = []
app = App([Forgetful])
"""


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("worker", r"a thread '\w+' \(at .*\) still runs"),
        ("thread", r"a thread 'the-napper' \(at main\.py:\d+ in nap\)"),
        ("task", "a task that takes no cancellation"),
    ],
)
def test_what_was_left_behind_holds_nothing_up(tmp_path: Path, what: str, says: str) -> None:
    write_app(tmp_path, FORGETFUL)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        assert httpx.post(f"{server.url}/v1/agents/forgetful/a/call/leave", json={"args": [what]}).status_code == 200
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 20
    assert re.search(says, server.said), server.said
    assert "Traceback" not in server.said


def test_a_second_process_on_the_same_data_is_refused(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        assert server.url
        done = roost("serve", "--port", "0", cwd=tmp_path)
        assert done.returncode == 1
        assert f"already served by process {server.process.pid}" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_port_in_use(tmp_path: Path) -> None:
    write_app(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in ("serve", "dev"):
            done = roost(command, "--port", port, cwd=tmp_path)
            assert done.returncode == 1
            assert f"can't listen on 127.0.0.1:{port}" in done.stderr and "--port" in done.stderr


def test_other_machines_need_an_admin_token(tmp_path: Path) -> None:
    write_app(tmp_path)
    done = roost("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "ROOST_ADMIN_TOKEN" in done.stderr


def test_other_machines_need_to_be_told_who_may_call(tmp_path: Path) -> None:
    write_app(tmp_path)
    done = roost("serve", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path, ROOST_ADMIN_TOKEN="operator-of-these-tests")
    assert done.returncode == 4
    assert "main:app does not say who may call it" in done.stderr and "auth=PUBLIC" in done.stderr
    done = roost("bundle", "cloudflare", cwd=tmp_path)
    assert done.returncode == 4
    assert "main:app does not say who may call it" in done.stderr and "auth=PUBLIC" in done.stderr


def test_admin_routes_need_a_token_to_be_there(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        assert httpx.delete(f"{server.url}/v1/agents/counter/a").status_code == 403
    with Running("serve", "--port", "0", cwd=tmp_path, ROOST_ADMIN_TOKEN="operator-of-these-tests") as server:
        assert httpx.delete(f"{server.url}/v1/agents/counter/a").status_code == 401


def test_what_an_agent_raises_is_logged_with_the_authors_frame(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        answer = httpx.post(f"{server.url}/v1/agents/counter/a/call/fail", json={})
        assert answer.status_code == 500 and "secret" not in answer.text
        server.heard("ValueError: secret detail")
        assert "main.py:20 in fail" in server.said and "> " in server.said
        assert answer.json()["id"] in server.said and "turn.py" not in server.said


@pytest.mark.parametrize(
    ("command", "environment", "dotenv", "project", "word"),
    [
        ("cli", "env", "dot", "toml", "cli"),
        (None, "env", "dot", "toml", "env"),
        (None, None, "dot", "toml", "dot"),
        (None, None, None, "toml", "toml"),
    ],
)
def test_config_the_first_source_wins(
    tmp_path: Path, command: str | None, environment: str | None, dotenv: str | None, project: str, word: str
) -> None:
    write_app(tmp_path, CONFIGURED, f'[tool.roost.config.speaker]\nword = "{project}"\ntoken = "t"\nstep = 3\n')
    if dotenv:
        (tmp_path / ".env").write_text(f'# a comment\nROOST_SPEAKER__WORD="{dotenv}"\n')
    more = ["--config", f"speaker.word={command}"] if command else []
    env = {"ROOST_SPEAKER__WORD": environment} if environment else {}
    with Running("serve", "--port", "0", *more, cwd=tmp_path, **env) as server:
        assert call(server.url, "speaker/a/call/say") == [word, "t", "3"]


def test_one_report_of_all_that_is_missing(tmp_path: Path) -> None:
    write_app(tmp_path, CONFIGURED)
    for done in (roost("serve", "--port", "0", cwd=tmp_path), here("check", cwd=tmp_path)):
        assert done.returncode == 4
        for text in ("ROOST_SPEAKER__WORD", "ROOST_SPEAKER__TOKEN", "[tool.roost.config.speaker]"):
            assert text in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["word", "speaker.word", "speaker.nothing=1", "nobody.word=1"])
def test_a_config_option_that_is_wrong(tmp_path: Path, given: str) -> None:
    write_app(tmp_path, CONFIGURED)
    done = roost("serve", "--config", given, cwd=tmp_path)
    assert done.returncode == 2
    assert given in done.stderr


def test_check_says_what_raised_limits_leave(tmp_path: Path) -> None:
    raised = APP.replace("App([Counter])", "App([Counter], limits=Limits(state=1 << 20))").replace(
        "import Agent", "import Limits, Agent"
    )
    write_app(tmp_path, raised)
    found = json.loads(here("check", "--json", cwd=tmp_path).stdout)
    assert found["kinds"] == {"counter": ["fail", "increment", "refuse"]}
    assert found["refused_by"]["lambda"] == ["state"] and found["refused_by"]["local"] == []
    assert "runs on: local\n" in here("check", cwd=tmp_path).stdout


def test_check_says_where_jobs_run(tmp_path: Path) -> None:
    body = "    @job\n    async def work(self, run: Run) -> None:\n        await run.sleep(1)\n\n    @action\n"
    write_app(tmp_path, APP.replace("    @action\n", body, 1).replace("import Agent", "import Run, job, Agent"))
    assert json.loads(here("check", "--json", cwd=tmp_path).stdout)["jobs"] == {"counter": ["work"]}
    said = here("check", cwd=tmp_path).stdout
    assert "jobs: work; lambda runs none yet" in said


def test_options_are_explained(tmp_path: Path) -> None:
    done = here("serve", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "SIGTERM" in done.stdout and "--restless" not in done.stdout
    assert here(cwd=tmp_path).returncode == 2
    assert here("serve", "--port", "70000", cwd=tmp_path).returncode == 2
