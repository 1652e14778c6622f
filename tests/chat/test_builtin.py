"""Tools that Roost brings: memory that is an owner's alone, pages of the web, notices."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic_ai.models.function import FunctionModel

from roost import App, Caller
from roost.author.app import Credentials
from roost.errors import Rejected, RoostError
from roost.testing.world import World, world
from roost_chat import ChatAgent
from roost_chat import memory as memory_module
from roost_chat.builtin import FetchTools, NotifyTools
from roost_chat.memory import Memories, MemoryTools

from .desk import answer

pytestmark = pytest.mark.anyio


class Helper(MemoryTools, FetchTools, NotifyTools, ChatAgent):
    model = FunctionModel(stream_function=answer)


async def auth(credentials: Credentials) -> Caller | None:
    return Caller(credentials.query["token"])


APP = App([Helper, Memories], auth=auth)


async def said(w: World, key: str, who: str, text: str) -> list[Any]:
    """What the tools of a turn came to."""
    browser = await w.connect(Helper, key, query={"token": who})
    await browser.call("send", text)
    await w.advance(minutes=1)
    messages = await browser.call("messages")
    parts = [p for m in messages if m["role"] == "tool" for p in m["parts"]]
    await w.disconnect(browser)
    return [p["value"] if p["outcome"] == "done" else p["code"] for p in parts if p["type"] == "tool-result"]


async def test_what_is_remembered_is_its_owners_alone() -> None:
    async with world(APP, seed=1) as w:
        [id] = await said(w, "s1", "ann", 'call remember {"text":"likes tea","kind":"preference"}')
        assert await said(w, "s2", "ann", 'call remember {"text":" likes tea ","kind":"preference"}') == [id]
        await said(w, "s3", "bob", 'call remember {"text":"likes coffee"}')
        [found] = await said(w, "s4", "ann", 'call recall {"text":"TEA coffee"}')
        assert [(n["text"], n["kind"]) for n in found] == [("likes tea", "preference")], "another's notes were read"
        mine = await w.connect(Memories, "user:ann", query={"token": "ann"})
        assert [n["text"] for n in await mine.call("query")] == ["likes tea"]
        with pytest.raises(RoostError):
            await mine.call("put", "from outside")
        stranger = await w.connect(Memories, "user:ann", query={"token": "bob"})
        for call in (("query",), ("forget", id)):
            with pytest.raises(Rejected, match="somebody else's"):
                await stranger.call(*call)
        with pytest.raises(RoostError, match="there is no note"):
            await mine.call("forget", "0")
        await mine.call("forget", id)
        assert await mine.call("query") == []


async def test_notes_are_found_by_words_kind_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(APP, seed=1) as w:
        notes = w.agent(Memories, "user:ann")
        monkeypatch.setattr(memory_module, "NOTES", 4)
        browser = await w.connect(Helper, "s", query={"token": "ann"})
        for n, text in enumerate(("red tea", "green tea", "red door", "x")):
            await browser.call("send", f'call remember {{"text":"{text}","kind":"{"decision" if n == 2 else "fact"}"}}')
            await w.advance(minutes=1)
        shown = [n.text for n in await notes.query("red tea")]
        assert shown == ["red tea", "red door", "green tea"], "more words first, then the newer"
        assert [n.text for n in await notes.query(kinds=["decision"])] == ["red door"]
        [last] = await notes.query(limit=-5)
        assert [n.text for n in await notes.query(since=last.at)] == ["x"]
        assert await notes.query(tags=["none"]) == []
        assert (await said(w, "t", "ann", 'call remember {"text":"too many"}')) == ["limit-chat-notes"]
        assert (await said(w, "u", "ann", f'call remember {{"text":"{"x" * 4001}"}}')) == ["bad-note"]


async def test_the_web_is_read_in_part() -> None:
    pages = {
        "/text": httpx.Response(200, text="hello", headers={"content-type": "text/plain; charset=utf-8"}),
        "/long": httpx.Response(200, text="x" * 30_000),
        "/huge": httpx.Response(200, text="x" * 300_000),
        "/image": httpx.Response(200, content=b"\x89PNG", headers={"content-type": "image/png"}),
        "/missing": httpx.Response(404, text="no"),
    }
    transport = httpx.MockTransport(lambda request: pages[request.url.path])
    async with world(App([Helper, Memories], auth=auth), seed=1, http=transport) as w:
        for path, status, length, cut in (
            ("/text", 200, 5, False), ("/long", 200, 20_000, True), ("/huge", 200, 20_000, True),
            ("/image", 200, 9, False), ("/missing", 404, 2, False),
        ):  # fmt: skip
            [page] = await said(w, path, "ann", f'call http_fetch {{"url":"https://example.com{path}"}}')
            assert (page["status"], len(page["text"]), page["cut"]) == (status, length, cut), path
        assert await said(w, "file", "ann", 'call http_fetch {"url":"file:///etc/passwd"}') == ["bad-url"]


async def test_a_notice_is_in_the_log() -> None:
    async with world(APP, seed=1) as w:
        assert await said(w, "s", "ann", 'call notify_user {"text":"done"}') == [None]
        assert [e.data for e in await w.events(Helper, "s") if e.kind == "notice"] == [{"text": "done"}]
