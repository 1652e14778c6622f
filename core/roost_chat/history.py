"""The history of a session: one message a row of KV, written once. And the session's own row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeGuard

from pydantic_core import to_json

from roost.author.kv import KV
from roost.errors import Rejected

from .records import TEXT, Message, Part, Role, Session, TextPart

PREFIX: Final = "roost-chat/"
"""Of every key that a chat agent writes for itself."""
SESSION: Final = f"{PREFIX}session"
ROWS: Final = f"{PREFIX}m/"
PAGE_BYTES: Final = 90 * 1024
"""Of messages in one answer, as JSON: an action's result is one row of an inbox."""
ROW_BYTES: Final = 60 * 1024
"""Of one message, as JSON. A longer text is cut, and says so."""


def key(seq: int) -> str:
    return f"{ROWS}{seq:010d}"


async def session_of(kv: KV, now: datetime) -> Session:
    """The session's row; a new one, of an agent that never had one."""
    return await kv.get(SESSION, Session) or Session(created=now, touched=now)


def append(
    kv: KV, session: Session, now: datetime, turn: int, id: str, role: Role, parts: Sequence[Part], **more: Any
) -> Message:
    """Write a message, as the next row. The session is put by whoever changes it."""
    row = Message(seq=session.next, id=id, turn=turn, role=role, parts=[*parts], at=now, **more)
    while (over := len(to_json(row)) - ROW_BYTES) > 0:
        longest = max((p for p in row.parts if isinstance(p, TextPart)), key=lambda p: len(p.text), default=None)
        if longest is None or len(longest.text) < 100:
            raise Rejected(
                f"a message of {ROW_BYTES + over} bytes; the limit is {ROW_BYTES}: keep what is large elsewhere, and "
                "say where it is",
                code="limit-chat-message", status=413,
            )  # fmt: skip
        kept = max(0, len(longest.text) - over - 100)
        row.parts = [
            TextPart(text=f"{longest.text[:kept]} [... {len(longest.text) - kept} characters cut]")
            if p is longest
            else p
            for p in row.parts
        ]
    kv.put(key(session.next), row)
    session.next += 1
    return row


async def page(kv: KV, session: Session, after: int, limit: int, *, aside: bool = False) -> list[Message]:
    """Rows beyond `after`, oldest first. `aside`: those too whose answer was given anew."""
    after = max(after, session.floor - 1)
    found: list[Message] = []
    size = 0
    async for _, row in kv.scan(Message, prefix=ROWS, after=key(after)):
        if not aside and hidden(session, row):
            continue
        size += len(to_json(row))
        if found and size > PAGE_BYTES:
            break
        found.append(row)
        if len(found) >= limit:
            break
    return found


async def recent(kv: KV, session: Session, count: int, size: int | None = None) -> list[Message]:
    """The last rows, at most so many, oldest first. `size`: bytes of them, as JSON; the last one is there anyway."""
    after = max(session.floor - 1, session.next - 1 - count)
    found = [row async for _, row in kv.scan(Message, prefix=ROWS, after=key(after)) if not hidden(session, row)]
    if size is None:
        return found
    start = len(found)
    while start > 0 and ((size := size - len(to_json(found[start - 1]))) >= 0 or start == len(found)):
        start -= 1
    return found[start:]


def hidden(session: Session, row: Message) -> bool:
    return row.role != "user" and row.turn in session.aside


def conversation(rows: Sequence[Message], turn: int) -> list[Message]:
    """In the order of turns, up to this one: who asked while an earlier turn answered comes after its answer."""
    return sorted((row for row in rows if row.turn <= turn), key=lambda row: (row.turn, row.seq))


def within(rows: Sequence[Message], tokens: int) -> list[Message]:
    """The last of them that fit, from a user's message on. A token is counted as four bytes of JSON."""
    room = min(4 * tokens, PAGE_BYTES)
    start = len(rows)
    while start > 0 and (size := len(to_json(rows[start - 1]))) <= room:
        room -= size
        start -= 1
    while start < len(rows) and rows[start].role != "user":
        start += 1
    last = max((i for i, row in enumerate(rows) if row.role == "user"), default=start)
    return [*rows[min(start, last) :]]  # what is to be answered is shown in any case


def said(message: object) -> str:
    """The text of what a client sent. Of a whole conversation the last message of a user counts, and nothing else."""
    given: Any = message
    if _is_list(message):
        given = next((m for m in reversed(message) if _is_dict(m) and _role(m) == "user"), None)
        if given is None:
            raise Rejected("no message of a user was sent", code="no-user-message", status=422)
    if _is_dict(given):
        if _role(given) not in ("", "user"):
            raise Rejected("what is sent is a message of a user", code="no-user-message", status=422)
        given = given.get("parts") or given.get("content") or given.get("text")
        if _is_list(given):
            given = "".join([_text(part) for part in given])
    if not isinstance(given, str) or not given.strip():
        raise Rejected("the message holds no text", code="empty-message", status=422)
    if len(given) > TEXT or len(given.encode(errors="surrogatepass")) > ROW_BYTES - 2048:
        raise Rejected(
            f"a message of {len(given)} characters is too long: send at most {ROW_BYTES - 2048} bytes of text",
            code="limit-chat-message", status=413,
        )  # fmt: skip
    return given


def _is_list(given: object) -> TypeGuard[list[Any]]:
    return isinstance(given, list)


def _is_dict(given: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(given, dict)


def _role(message: dict[str, Any]) -> str:
    return str(message.get("role") or "")


def _text(part: Any) -> str:
    if isinstance(part, str):
        return part
    said = part if _is_dict(part) else {"type": type(part).__name__}
    text = said.get("text")
    if said.get("type", "text") in ("text", "input_text") and isinstance(text, str):
        return text
    raise Rejected(
        f"a part {said.get('type')!r} of a message: chat agents take text only yet", code="no-such-part", status=422
    )
