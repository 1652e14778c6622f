"""Notes in files: FOLDER/OWNER/2026-11-30.md. The files are the truth: what a person writes into one is remembered.

A file is replaced whole, so that who reads or is killed sees the old one or the new one; what was changed since it was
read is read again first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from roost.errors import AgentError, LimitExceeded, TransientError

from .memory import Note, NoteKind
from .page import Item, added, id_of, items, without

OWNER: Final = "OWNER"
"""Holds the owner as text: the folder's name may be cut."""
NOTES: Final = 2_000
"""Of one owner."""
BYTES: Final = 1 << 20
"""Of one file."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TRIES: Final = 5


class NoteFiles:
    """A `NoteStore` in a folder, made when the first note is. Times are whole days."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, owner: str, text: str, kind: NoteKind, tags: Sequence[str], at: datetime) -> str:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
        text = "\n".join(line if line.strip() else "" for line in lines)
        id, count = id_of(kind, text), 0
        for _, item in self._items(owner):
            if item.id == id:
                return id
            count += 1
        if count >= NOTES:
            raise LimitExceeded(f"{NOTES:,} notes are kept of one owner: forget some", limit="chat_notes")
        day = f"{at.astimezone(UTC):%Y-%m-%d}"
        self._change(self._owner(owner, make=True) / f"{day}.md", lambda old: added(old, day, kind, text, tags))
        return id

    def notes(self, owner: str) -> list[Note]:
        return [
            Note(id=item.id, at=datetime.fromisoformat(day).replace(tzinfo=UTC), kind=item.kind, text=item.text,
                 tags=[*item.tags])
            for day, item in self._items(owner)
        ]  # fmt: skip

    def forget(self, owner: str, id: str) -> bool:
        days = {day for day, item in self._items(owner) if item.id == id}
        for day in days:
            path = self._owner(owner) / f"{day}.md"
            self._change(path, partial(_forgotten, id=id, name=self._name(path)))
        return bool(days)

    def _owner(self, owner: str, *, make: bool = False) -> Path:
        """Its folder: the name alone would be one for two owners where a disk folds case, or too long."""
        name = f"{quote(owner, safe='')[:100]}-{sha256(owner.encode()).hexdigest()[:16]}"
        folder = self.folder / name
        if make and not (folder / OWNER).is_file():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(folder / OWNER, owner)
        return folder

    def _items(self, owner: str) -> Iterator[tuple[str, Item]]:
        """(day, note), oldest first; a note that stands twice is there once."""
        seen: set[str] = set()
        for path in sorted(self._owner(owner).glob("*.md")):
            if not _DAY.fullmatch(path.stem):
                continue
            try:
                datetime.fromisoformat(path.stem)
            except ValueError:
                raise AgentError(f"{self._name(path)}: there is no such day", code="bad-memory") from None
            for item in items(self._read(path), self._name(path)):
                if item.id not in seen:
                    seen.add(item.id)
                    yield path.stem, item

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def _read(self, path: Path) -> str:
        try:
            data = path.read_bytes()
            if len(data) > BYTES:
                raise AgentError(f"{self._name(path)}: longer than {BYTES:,} bytes", code="bad-memory")
            return data.decode("utf-8-sig").replace("\r\n", "\n")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError:
            raise AgentError(f"{self._name(path)}: it is no UTF-8", code="bad-memory") from None

    def _change(self, path: Path, change: Callable[[str], str]) -> None:
        for _ in range(_TRIES):
            before = _stamp(path)
            made = change(self._read(path))
            if len(made.encode()) > BYTES:
                raise LimitExceeded(f"a day's notes of one owner are {BYTES:,} bytes at most", limit="chat_notes")
            if _write(path, made, partial(_is_as, path, before)):
                return
        raise TransientError(f"{self._name(path)} is being written by somebody else", code="memory-busy")


def _forgotten(text: str, *, id: str, name: str) -> str:
    for item in reversed(items(text, name)):
        if item.id == id:
            text = without(text, item)
    return text


def _is_as(path: Path, before: tuple[int, int, int] | None) -> bool:
    return _stamp(path) == before


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _write(path: Path, text: str, still: Callable[[], bool] = lambda: True) -> bool:
    """Replace a file, durably; False: it is not the one that was read any more."""
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    if not still():
        part.unlink()
        return False
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
