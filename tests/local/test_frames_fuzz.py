"""Whatever a client sends, the server answers, nothing is a 500, and the agent is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.local.server import TOKEN, serve

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
types = st.sampled_from(["rpc", "cf_agent_state", "roost_message", "cf_agent_identity", "roost_close", "", "x"])
names = st.sampled_from(["increment", "fail", "stream", "__init__", "_tick", "schedule", "on_request", "state", ""])
shaped = st.fixed_dictionaries(
    {"type": types | json_values},
    optional={
        "id": st.text(max_size=300) | json_values,
        "method": names | json_values,
        "args": st.just(["not a number"]) | st.lists(st.text(max_size=5), min_size=2, max_size=3) | json_values,
        "kwargs": json_values,
        "key": json_values,
        "state": json_values,
        "data": json_values,
        "base64": json_values,
        "seq": json_values,
    },
)
frames = st.one_of(
    shaped.map(json.dumps),
    json_values.map(json.dumps),
    st.text(max_size=200),
    st.binary(max_size=200),
    st.sampled_from(
        ["[" * 5000, '{"a":' * 2000, '{"type":"rpc"', '{"type":"rpc","id":1e999}', "NaN", "\ufeff{}", '"\\ud800"']
    ),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve("tests.clients.app:app") as url:
        yield url


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(frames, min_size=1, max_size=12))
def test_no_frame_breaks_the_server_or_the_agent(url: str, sent: list[str | bytes]) -> None:
    base = url.replace("http", "ws", 1)
    code = 1000
    with connect(f"{base}/agents/counter/fuzzed", compression=None, max_size=None) as socket:
        try:
            for frame in sent:
                if isinstance(frame, str):
                    frame.encode()  # lone surrogates can't be sent at all
                socket.send(frame)
            socket.send('{"type":"rpc","id":"last","method":"fail","args":["on purpose"]}')
            for raw in socket:
                frame = json.loads(raw)
                assert frame.get("status") != 500, frame
                if frame.get("id") == "last":
                    assert frame["error"] == "on purpose"
                    break
            else:
                raise AssertionError("no answer")
        except UnicodeEncodeError:
            return
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
    assert code not in (1006, 1011), f"the server ended the connection with {code}"
    state = httpx.get(f"{url}/v1/agents/counter/fuzzed/state", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert state["state"] == {"count": 0}
