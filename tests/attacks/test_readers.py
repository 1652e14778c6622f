"""Reading multiplies no memory: pages go by bytes, readers are counted."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import httpx
import pytest

from roost.contract.address import Address
from roost.contract.errors import LimitExceeded
from roost.contract.pages import BYTES, MOST, Pages
from roost_http import readers
from roost_http.readers import Readers

from .raw import dial, request
from .test_intake import HOST, MIB, attacked

LOG = "/v1/agents/counter/long"


def test_unread_logs_cost_little() -> None:
    with attacked() as server:
        for _ in range(20):
            answer = httpx.post(f"{server.url}{LOG}/call/fill", json={"args": [40, 20_000]}, timeout=20)
            assert answer.status_code == 200
        before = server.rss()
        with ExitStack() as stack:
            for _ in range(25):
                peer = stack.enter_context(dial(server.url))
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.sendall(request(f"GET {LOG}/events", HOST, "Accept: text/event-stream"))
            most = 0
            for _ in range(20):
                time.sleep(0.05)
                most = max(most, server.rss() - before)
        assert most < 64 * MIB, most // MIB
        answer = httpx.get(f"{server.url}{LOG}/events?limit=1000", headers={"accept": "application/json"}, timeout=20)
        assert len(answer.content) < 2 * MIB and answer.json()["more"] is True
        seen, after = 0, 0
        while True:
            doc = httpx.get(
                f"{server.url}{LOG}/events?limit=1000&after={after}", headers={"accept": "application/json"}, timeout=20
            ).json()
            assert [e["seq"] for e in doc["events"]] == list(range(after + 1, after + 1 + len(doc["events"])))
            seen, after = seen + len(doc["events"]), after + len(doc["events"])
            if "more" not in doc:
                break
        assert seen == 800
        whole = httpx.get(f"{server.url}{LOG}/events?follow=false", timeout=20).text
        assert whole.count("event: filler") == 800


def test_pages_go_by_bytes() -> None:
    pages = Pages()
    for _ in range(10):
        pages.took(pages.size, 0)
    assert pages.size == MOST
    pages.took(MOST, MOST * BYTES)
    assert pages.size == 1


def test_readers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "OF_AGENT", 3)
    monkeypatch.setattr(readers, "OF_CALLER", 2)
    counted, one, two = Readers(), Address("counter", "a"), Address("counter", "b")
    with ExitStack() as stack:
        for caller in ("ann", "ann", "bob"):
            stack.enter_context(counted.one(one, caller))
        for address, caller in ((one, "cyd"), (two, "ann")):
            with pytest.raises(LimitExceeded) as refused, counted.one(address, caller):
                pass
            assert (refused.value.code, refused.value.status) == ("limit-readers", 429)
        with counted.one(two, "bob"):
            pass
    with counted.one(one, "ann"):
        pass
