"""`roost dev`: reload without a refused connection, broken edits, crashes, signals, and what it prints."""

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from roost_cli.welcome import lines
from roost_lambda.platform import LambdaPlatform

from .program import APP, OPERATORS, Running, check_operators, command, environment, roost, write_app


def increment(url: str, key: str = "a") -> object:
    return httpx.post(f"{url}/v1/agents/counter/{key}/call/increment", json={}, timeout=20).json()["result"]


def edit(folder: Path, old: str, new: str) -> None:
    """Change the app as an editor does: a new file in place of the old."""
    text = (folder / "main.py").read_text()
    assert old in text
    (folder / "next.tmp").write_text(text.replace(old, new))
    (folder / "next.tmp").replace(folder / "main.py")


def test_prints_where_everything_is(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path, ROOST_OPERATORS=OPERATORS) as dev:
        url = dev.url
        dev.heard("Ctrl-C")
        assert "data  .roost/agents.db" in dev.said
        curl = dev.heard(r"  (curl .*)\n")[1]
        call = dev.heard(r"  (\S.* call counter demo .*)\n")[1]
        script = dev.heard(r"  (const .*AgentClient.*)\n")[1]
        said = [
            subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
            )
            for line in (curl, call)
        ]
        assert [done.stdout.strip() for done in said] == ['{"result":1}', "2"]
        check_operators(url)
        assert '"agent": "counter"' in script and '"increment", [1]' in script and url.removeprefix("http://") in script
        assert dev.end() == 0
    assert "Traceback" not in dev.said


def test_what_is_printed_works_where_the_app_asks_who_calls(tmp_path: Path) -> None:
    hook = """
async def hook(credentials):
    if credentials.bearer != "ada":
        raise Rejected("who are you?", code="unauthorized", status=401)
    return Caller("ada")

app = App([Counter], auth=hook)
"""
    write_app(tmp_path, APP.replace("import Agent,", "import Agent, Caller,").replace("app = App([Counter])\n", hook))
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url = dev.url
        dev.heard("Ctrl-C")
        curl, call = dev.heard(r"  (curl .*)\n")[1], dev.heard(r"  (\S.* call counter demo .*)\n")[1]
        for line, answer in ((curl, '{"result":1}'), (call, "2")):
            done = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == answer
        assert "AgentClient" not in dev.said, "what the hook reads of a WebSocket is not known here"
        words = ("call", "counter", "demo", "increment", "--url", url)
        assert roost(*words, "--token", "ada", cwd=tmp_path).stdout == "3\n"
        assert roost(*words, cwd=tmp_path, ROOST_TOKEN="ada").stdout == "4\n"
        for token, says in ((None, "none was sent"), ("bob", "it was refused")):
            done = roost(*words, *(["--token", token] if token else []), cwd=tmp_path)
            assert done.returncode == 1 and says in done.stderr and "ROOST_TOKEN" in done.stderr


def test_the_line_for_javascript_is_the_platforms() -> None:
    action = {
        "name": "increment",
        "schema": {"properties": {"by": {"default": 1, "type": "integer"}}},
        "streams": False,
    }
    for base_path in (None, LambdaPlatform.base_path):
        script = lines("http://127.0.0.1:9", "counter", action, base_path)[-1][1]
        found = re.search(r"AgentClient\((\{.*\})\); console", script)
        assert found is not None
        options = json.loads(found[1])
        at_one_url = {"basePath": "prod", "query": {"agent": "counter", "name": "demo"}} if base_path else {}
        assert options == {"agent": "counter", "name": "demo", "host": "127.0.0.1:9", **at_one_url}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        assert increment(dev.url) == 1
        assert dev.end(number) == 0
    assert "Traceback" not in dev.said and "Error" not in dev.said


def test_ctrl_c_reaches_the_whole_group(tmp_path: Path) -> None:
    write_app(tmp_path)
    process = subprocess.Popen(
        command("dev", "--port", "0"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, process_group=0,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in rest


def test_the_token_is_the_projects_own(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url = dev.url
    path = tmp_path / ".roost" / "admin-token"
    assert path.stat().st_mode & 0o777 == 0o600
    token = path.read_text()
    assert token.strip() not in dev.said
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url = dev.url
        assert path.read_text() == token
        increment(url)
        below = tmp_path / "below"
        below.mkdir()
        assert roost("hibernate", "counter", "a", "--url", url, cwd=below).returncode == 0


def test_reloads_and_refuses_nobody(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url, stop = dev.url, threading.Event()
        refused: list[str] = []
        served: list[int] = []

        def knock() -> None:
            while not stop.is_set():
                try:
                    served.append(httpx.get(f"{url}/healthz", timeout=20).status_code)
                except httpx.ConnectError as error:
                    refused.append(str(error))
                except httpx.TransportError:
                    pass  # it was accepted just before the end

        assert increment(url) == 1
        knocking = [threading.Thread(target=knock) for _ in range(4)]
        for thread in knocking:
            thread.start()
        for times, (old, new) in enumerate([("+= by", "+= by * 10"), ("by * 10", "by * 100")], 1):
            edit(tmp_path, old, new)
            dev.heard("main.py changed", times)
            dev.heard("serving again", times)
        stop.set()
        for thread in knocking:
            thread.join()
        assert not refused
        assert served and set(served) <= {200, 503}
        assert increment(url) == 101, "state stays, code is new"


def test_a_broken_edit_waits_for_the_next(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url = dev.url
        assert increment(url) == 1
        edit(tmp_path, "app = App([Counter])", "app = App([Counterr])")
        dev.heard("waiting for a change")
        assert f"main.py:{len(APP.splitlines())}" in dev.said
        assert "NameError: name 'Counterr' is not defined" in dev.said
        assert "Traceback" not in dev.said
        answer = httpx.post(f"{url}/v1/agents/counter/a/call/increment", json={}, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (503, "app-broken")
        assert "NameError: name 'Counterr'" in answer.json()["detail"] and "main.py:" in answer.json()["detail"]
        page = httpx.get(url, headers={"accept": "text/html"}, timeout=5)
        assert page.status_code == 503 and "Counterr" in page.text and "<pre" in page.text
        for sign in ({"host": "evil.test"}, {"origin": "http://evil.test"}):
            assert "Counterr" not in httpx.get(url, headers=sign, timeout=5).text, "the source is the author's"
        assert httpx.post(url, content=b"x" * (1 << 20), timeout=5).status_code == 503
        done = roost("call", "counter", "a", "increment", "--url", url, cwd=tmp_path)
        assert done.returncode == 1 and "Counterr" in done.stderr
        edit(tmp_path, "Counterr", "Counter")
        dev.heard("serving again")
        assert increment(url) == 2


def test_begins_with_a_broken_app_or_config(tmp_path: Path) -> None:
    write_app(tmp_path, "app = \n")
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        dev.heard("waiting for a change")
        (tmp_path / "main.py").write_text(
            APP.replace("Agent[Tally]", "Agent[Tally, Needs]").replace(
                "class Counter", "class Needs(BaseModel):\n    word: str\n\nclass Counter"
            )
        )
        dev.heard("ROOST_COUNTER__WORD")
        dev.heard("waiting for a change", 2)
        (tmp_path / ".env").write_text("ROOST_COUNTER__WORD=x\n")
        assert increment(dev.url) == 1


def test_a_crash_is_followed_by_a_start(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("dev", "--port", "0", cwd=tmp_path) as dev:
        url = dev.url
        assert increment(url) == 1
        token = (tmp_path / ".roost" / "admin-token").read_text().strip()
        page = dev.heard(r"(http://\S+)/#start=")[1]
        answer = httpx.post(f"{page}/_roost/crash", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 202
        dev.heard(r"killed\); starting it again at once")
        dev.heard("serving again")
        assert increment(url) == 2


def test_without_reload_a_change_is_nothing(tmp_path: Path) -> None:
    write_app(tmp_path, "x\n")
    done = roost("dev", "--port", "0", "--no-reload", cwd=tmp_path)
    assert done.returncode == 4 and "NameError" in done.stderr


def test_data_of_another_process(tmp_path: Path) -> None:
    write_app(tmp_path)
    with Running("serve", "--port", "0", cwd=tmp_path) as server:
        assert server.url
        done = roost("dev", "--port", "0", cwd=tmp_path)
        assert done.returncode == 1 and "already served by process" in done.stderr


def test_limits_beyond_the_platform_are_refused(tmp_path: Path) -> None:
    raised = APP.replace("([Counter])", "([Counter], limits=Limits(state=1 << 20))").replace("Agent,", "Agent, Limits,")
    write_app(tmp_path, raised)
    done = roost("dev", "--port", "0", "--no-reload", "--emulate", "lambda", cwd=tmp_path)
    assert done.returncode == 4
    assert re.search(r"lambda can't carry this app: .*state", done.stderr)


def test_a_folder_with_a_virtual_environment_is_not_watched(tmp_path: Path) -> None:
    from roost_cli.watch import Watch

    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    for name in ("env/a.py", "main.py", "notes.txt", ".env"):
        (tmp_path / name).touch()
    for name in ("node_modules", ".hidden", "sub"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b.py").touch()
    watch = Watch([tmp_path, tmp_path / "sub"])
    assert watch.changed() == []
    for path in tmp_path.rglob("*.*"):
        if path.is_file():
            path.write_text("changed")
    assert watch.changed() == [str(tmp_path / n) for n in (".env", "main.py", "sub/b.py")]
    (tmp_path / "main.py").unlink()
    assert watch.changed() == [str(tmp_path / "main.py")]
