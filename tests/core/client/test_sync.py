from __future__ import annotations

import threading

import pytest
from starlette.websockets import WebSocket

from roost.contract.errors import NotFound, Rejected
from roost_client import SyncClient

from .fake import Fake, entry, fails, hello, ok, result, sse, until_closed
from .test_proxy import ChatRoom


def test_every_verb(threaded: Fake) -> None:
    with SyncClient(threaded.url, token="t", timeout=5) as client:
        agent = client.agent("counter", "room 1")
        threaded.answers = [ok({"result": 3}), ok({"id": "t1"}, 202), fails(NotFound("no such action"))]
        assert agent.call("increment", 2, by=3) == 3
        assert agent.tell("note", delay=1) == "t1"
        with pytest.raises(NotFound):
            agent.call("missing")
        threaded.answers = [ok({"state": 1, "version": 2})] * 2 + [ok({"a": 1})] * 2 + [ok(None)] * 5
        assert (agent.state(), agent.snapshot().version) == (1, 2)
        assert (agent.status(), agent.export()) == ({"a": 1}, {"a": 1})
        for verb in (agent.hibernate, agent.migrate, agent.reset, agent.destroy):
            verb()
        agent.restore({})
        threaded.answers = [ok({"dead_letters": []}), ok({"redriven": 0}), ok({}), ok({})]
        assert (agent.dead_letters(), agent.redrive(), client.health(), client.openapi()) == ([], 0, {}, {})
        rows = [{"kind": "chat-room", "key": key, "version": 1} for key in "ab"]
        threaded.answers = [ok({"agents": rows[:1], "cursor": "b"}), ok({"agents": rows[1:], "cursor": None})]
        assert list(client.agents(kind=ChatRoom)) == rows
        assert client.agent(ChatRoom, "a").address == ("chat-room", "a")
    assert threaded.seen[0].body == {"args": [2], "kwargs": {"by": 3}}


def test_streams_and_events(threaded: Fake) -> None:
    chunk, end = "event: chunk\ndata: 1\n\n", 'event: result\ndata: {"result": null}\n\n'
    with SyncClient(threaded.url, timeout=5) as client:
        agent = client.agent("counter", "a")
        threaded.answers = [sse(chunk, chunk, end), sse(entry(1, "note", "x")), sse(entry(1, "note", "x"))]
        assert list(agent.stream("count")) == [1, 1]
        assert [event.data for event in agent.events(follow=False)] == ["x"]
        for event in agent.events():
            assert event.data == "x"
            break


def test_a_connection(threaded: Fake) -> None:
    async def script(socket: WebSocket) -> None:
        await hello(socket, {"count": 1})
        await socket.send_json(result(await threaded.receive(socket), 2))
        frame = await threaded.receive(socket)
        await socket.send_json(result(frame, 1, done=False))
        await socket.send_json(result(frame, None))
        await socket.send_json((await threaded.receive(socket))["data"])
        await threaded.receive(socket)
        await socket.send_json({"type": "cf_agent_state_error", "error": "Connection is readonly", "seq": 4})
        await until_closed(socket)

    threaded.sockets = [script]
    with SyncClient(threaded.url, timeout=5) as client:
        with client.agent("counter", "room 1").connect() as conn:
            assert (conn.identity.name, conn.state, conn.closed) == ("room 1", {"count": 1}, None)
            assert conn.call("increment") == 2
            assert list(conn.stream("count")) == [1]
            conn.send("hi")
            assert next(conn.messages()) == "hi"
            with pytest.raises(Rejected):
                conn.set_state(1)
            for state in conn.states():
                assert state == {"count": 1}
                break
        assert conn.wait_closed().code == 1000


def test_the_thread_ends_with_the_client(threaded: Fake) -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "roost-client"]

    client = SyncClient(threaded.url)
    threaded.answers = [ok({})]
    client.health()
    assert len(names()) == 1
    client.close()
    client.close()
    assert names() == []
    left = SyncClient(threaded.url)
    del left
    assert names() == []


def test_two_threads_share_one_client(threaded: Fake) -> None:
    threaded.answers = [ok({"result": i}) for i in range(20)]
    got: list[int] = []
    with SyncClient(threaded.url) as client:
        agent = client.agent("counter", "a")
        threads = [threading.Thread(target=lambda: got.append(agent.call("x"))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(got) == list(range(20))


@pytest.mark.anyio
async def test_inside_a_running_loop(threaded: Fake) -> None:
    threaded.answers = [ok({"result": 1})]
    with SyncClient(threaded.url) as client:
        assert client.agent("counter", "a").call("x") == 1
