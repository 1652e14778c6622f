"""Notes: the same in an owner's agent and in files; files that people edit, and that a kill leaves whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost import Agent, App, action
from roost.errors import AgentError, NotFound, Rejected
from roost.testing import world
from roost_chat.memory import Memories
from roost_cli.config.applied import to_app
from roost_cli.config.reading import load
from roost_stores.files import NoteFiles
from roost_stores.memory import NoteKind
from roost_stores.page import TITLES, added, items

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KINDS = st.sampled_from(sorted(TITLES))
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=30)
WORDS = st.lists(LINE, min_size=1, max_size=4).map("\n".join)


@pytest.mark.parametrize("backend", ["agent", "filesystem"])
async def test_every_backend_keeps_notes_alike(tmp_path: Path, backend: str) -> None:
    class Notes(Memories):
        kind = "memories"

    class Scribe(Agent):
        @action
        async def put(self, text: str, kind: NoteKind = "fact", tags: Sequence[str] = ()) -> str:
            return await self.agent(Notes, "user:ann").put(text, kind, tags)

    app = App([Notes, Scribe])
    (tmp_path / "roost.yaml").write_text(f"services: {{ memory: {{ backend: {backend} }} }}\n")
    to_app(app, load(tmp_path / "roost.yaml", tmp_path, {}))
    async with world(app, seed=1) as w:
        ann, bob, scribe = w.agent(Notes, "user:ann"), w.agent(Notes, "user:Ann"), w.agent(Scribe, "s")
        dog = await scribe.put("The dog is called Rex.\nIt is old.", tags=["dog", "-->"])
        assert await scribe.put("  The dog is called Rex.\nIt is old. ") == dog
        await w.advance(days=2)
        friday = await scribe.put("Ship on Friday", "decision")
        assert [(n.id, n.kind, n.text, n.tags) for n in await ann.query()] == [
            (friday, "decision", "Ship on Friday", []),
            (dog, "fact", "The dog is called Rex.\nIt is old.", ["dog", "-->"]),
        ]
        assert [n.id for n in await ann.query("rex DOG")] == [dog]
        assert [n.id for n in await ann.query(tags=["dog"])] == [n.id for n in await ann.query(kinds=["fact"])] == [dog]
        assert [n.id for n in await ann.query(since=datetime.fromtimestamp(w.now, UTC) - timedelta(days=1))] == [friday]
        assert [n.id for n in await ann.query(limit=1)] == [friday]
        assert await bob.query() == []
        await ann.forget(dog)
        assert [n.id for n in await ann.query()] == [friday]
        with pytest.raises(NotFound):
            await ann.forget(dog)
        with pytest.raises(Rejected):
            await scribe.put(" ")
    assert (tmp_path / ".roost" / "memory").exists() == (backend == "filesystem")
    assert Memories.kept is None


def test_what_a_person_writes_is_remembered_and_stays(tmp_path: Path) -> None:
    store = NoteFiles(tmp_path)
    store.put("user:ann", "Ship on Friday", "decision", ["release"], NOW)
    (page,) = tmp_path.glob("*/2026-11-30.md")
    assert (page.parent / "OWNER").read_text() == "user:ann" and page.parent.name.startswith("user%3Aann-")
    assert page.read_text() == ('# 2026-11-30\n\n## Decisions Made\n\n- Ship on Friday\n  <!-- tags: ["release"] -->\n')
    page.write_bytes(
        b"# My day\r\n\r\nIt rained.\r\n\r\n## facts stored\r\n\r\n* Rex\r\n\r\n  is old\r\n- Tom\r\n\r\n"
        b"## Other\r\n\r\n- mine\r\n"
    )
    assert [(n.kind, n.text) for n in store.notes("user:ann")] == [("fact", "Rex\n\nis old"), ("fact", "Tom")]
    store.put("user:ann", "Kim", "fact", [], NOW)
    store.put("user:ann", "tea", "preference", [], NOW)
    assert store.forget("user:ann", store.put("user:ann", "Tom", "fact", [], NOW))
    assert page.read_text() == (
        "# My day\n\nIt rained.\n\n## facts stored\n\n* Rex\n\n  is old\n- Kim\n\n## Other\n\n- mine\n\n"
        "## Preferences Learned\n\n- tea\n"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# a\n\n<<<<<<< HEAD\n", ":3:1: a merge was not finished: keep one of both"),
        ("## Facts Stored\n- a\n  <!-- tags: [1] -->\n", ':3:3: tags are a list of texts: <!-- tags: ["a", "b"] -->'),
        ("\x80", ": it is no UTF-8"),
        ("x" * (1 << 20 | 1), ": longer than 1,048,576 bytes"),
    ],
)
def test_what_cannot_be_read_is_told_and_not_written_over(tmp_path: Path, text: str, why: str) -> None:
    store = NoteFiles(tmp_path)
    store.put("ann", "a", "fact", [], NOW)
    (page,) = tmp_path.glob("*/*.md")
    page.write_bytes(text.encode("latin-1"))
    for act in (lambda: store.notes("ann"), lambda: store.put("ann", "b", "fact", [], NOW)):
        with pytest.raises(AgentError) as error:
            act()
        assert error.value.message == f"{page.parent.name}/2026-11-30.md{why}"
    assert page.read_bytes() == text.encode("latin-1")
    page.with_name("2026-13-30.md").write_text("")
    page.unlink()
    with pytest.raises(AgentError, match="there is no such day"):
        store.notes("ann")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KINDS, WORDS, st.lists(LINE, max_size=2)), max_size=6))
def test_whatever_is_noted_is_read_back(notes: list[tuple[NoteKind, str, list[str]]]) -> None:
    with TemporaryDirectory() as folder:
        store = NoteFiles(Path(folder))
        kept = {store.put("o", t, kind, tags, NOW): (kind, tags) for kind, t, tags in notes if t.strip()}
        for kind, text, _ in notes:
            if text.strip():
                assert store.put("o", text, kind, [], NOW) in kept  # it is there once
        assert {note.id for note in store.notes("o")} == set(kept)
        assert all(set(kept) and note.kind == kept[note.id][0] for note in store.notes("o"))
        for id in kept:
            assert store.forget("o", id) and id not in {note.id for note in store.notes("o")}


def test_an_edit_between_reading_and_writing_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = NoteFiles(tmp_path)
    store.put("ann", "a", "fact", [], NOW)
    (page,) = tmp_path.glob("*/*.md")
    edits = iter(["by hand\n", "by hand again\n"])

    def meanwhile(text: str, *rest: object) -> str:
        if edit := next(edits, ""):
            page.write_text(f"{page.read_text()}{edit}")
        return added(text, *rest)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr("roost_stores.files.added", meanwhile)
    store.put("ann", "b", "fact", [], NOW)
    assert page.read_text().endswith("by hand\nby hand again\n")
    assert [item.text for item in items(page.read_text(), "")] == ["a", "b"]


WRITER = """\
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from roost_stores.files import NoteFiles
store = NoteFiles(Path(sys.argv[1]))
for i in range(100_000):
    print(store.put("ann", f"{i} " + "word " * 100, "fact", [], datetime(2026, 11, 30, tzinfo=UTC)), flush=True)
"""


def test_a_kill_in_the_middle_of_writing_leaves_what_was_said(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(40)]
    writer.kill()
    said += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    there = [note.id for note in NoteFiles(tmp_path).notes("ann")]
    assert there[: len(said)] == said and len(there) <= len(said) + 1
    NoteFiles(tmp_path).put("ann", "and on", "fact", [], NOW)
