"""`roost dev --on aws-emulator`, as a user runs it: the app over HTTP and WebSocket, and again after an edit."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.local.cli import program
from tests.local.cli.program import OPERATORS, Running, check_operators, write_app


def increment(url: str) -> object:
    answer = httpx.post(f"{url}/v1/agents/counter/a/call/increment", json={}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_an_app_is_deployed_and_after_an_edit_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "WAIT", 180.0)
    write_app(tmp_path)
    with Running("dev", "--on", "aws-emulator", "--port", "0", cwd=tmp_path, ROOST_OPERATORS=OPERATORS) as dev:
        sockets = dev.heard(r"WebSockets: (ws://127\.0\.0\.1:\d+/prod)\?agent=KIND&name=KEY")[1]
        dev.heard("Ctrl-C")
        script = dev.heard(r"  (const .*AgentClient.*)\n")[1]
        assert '"basePath": "prod", "query": {"agent": "counter", "name": "demo"}' in script
        url = sockets.removesuffix("/prod").replace("ws", "http", 1)
        assert url in dev.said
        assert increment(url) == 1
        check_operators(url)
        with connect(f"{sockets}?agent=counter&name=a", open_timeout=60) as socket:
            frames = [json.loads(socket.recv(timeout=60)) for _ in range(3)]
            assert [f["type"] for f in frames] == ["cf_agent_identity", "cf_agent_state", "cf_agent_mcp_servers"]
            assert frames[1]["state"] == {"count": 1}
            socket.send(json.dumps({"type": "rpc", "id": "1", "method": "increment", "args": [4]}))
            while (frame := json.loads(socket.recv(timeout=60)))["type"] != "rpc":
                pass
            assert frame["result"] == 5
        main = tmp_path / "main.py"
        edited = main.read_text().replace("self.state.count += by\n", "self.state.count += by * 100\n")
        (tmp_path / "next.tmp").write_text(edited)
        (tmp_path / "next.tmp").replace(main)
        dev.heard("serving again")
        assert increment(url) == 105, "the agents are those of before the edit"
        assert dev.end() == 0
    assert "Traceback" not in dev.said
