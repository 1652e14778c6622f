"""WebSockets that lead nowhere, say a thing twice, or break the protocol."""

from __future__ import annotations

from pydantic_core import to_json

from .attack import attack
from .pages import PAGES, TYPES
from .target import Target


@attack("held", "a handshake to nowhere is refused and tells nothing of what is there")
async def handshakes_to_nowhere_tell_nothing(t: Target) -> None:
    for kind, key in (("nope", "a"), ("..", "a"), (t.kind, "\x00"), (t.kind, "x" * 5000), ("\x1b[31m", "a")):
        answer = await t.open(t.socket(kind, key))
        assert answer.shut_out, (kind, key[:20], answer)
        assert all(set(f) <= {"type", "code", "error", "problem", "retry", "reason"} for f in answer.frames), answer
    await t.lives()


@attack("S15", "what a handshake is for, and who asks, is said once")
async def a_handshake_says_a_thing_once(t: Target) -> None:
    queries = ["_pk=a&_pk=b"]
    if "?agent=" in t.socket():  # elsewhere the path names the agent
        queries += [f"agent={t.kind}", "name=other"]
    for query in queries:
        answer = await t.open(t.socket(query=query))
        assert answer.shut_out, (query, answer)
    for twice in (("Authorization: Bearer a, Bearer b",), ("Authorization: Bearer a", "Authorization: Bearer b")):
        answer = await t.open(t.socket(), *twice)
        assert answer.shut_out, (twice, answer)
    await t.absent()


@attack("held", "frames that break the protocol harm nobody else")
async def broken_frames_do_no_harm(t: Target) -> None:
    for frame in (
        b"\xf1\x80\x00\x00\x00\x00", b"\x81\x05hello", b"\x8b\x80\x00\x00\x00\x00", b"\x81\xff" + b"\xff" * 12,
        b"\x89\xfe\x10\x00" + b"\x00" * 64, b"\x00\x80\x00\x00\x00\x00" * 50, b"\x81\x82\x00\x00\x00\x00\xff\xfe",
        b"\x88\x81\x00\x00\x00\x00\x01",
    ):  # fmt: skip
        answer = await t.open(t.socket("nope", "a"), then=frame)
        assert answer.shut_out, (frame[:8], answer)
    await t.lives()


@attack("S6", "a ticket is not made for a foreign page, and one that is made up opens nothing")
async def tickets_are_not_guessed(t: Target) -> None:
    body = to_json({"kind": t.kind, "key": t.key})
    for page in PAGES:
        for kind in TYPES:
            answer = await t.ask("POST /v1/tickets", f"Content-Type: {kind}", *page, body=body)
            assert answer.refused and "access-control-allow-origin" not in answer.headers, (page, kind, answer)
    for line in ("GET /v1/tickets", "DELETE /v1/tickets", "GET /v1/tickets/", f"GET /v1/tickets?kind={t.kind}&key=a"):
        assert (await t.ask(line)).refused, line
    for made_up in ("rt_", "rt_0_x", "rt_zz", f"rt_ffffffff_{'a' * 43}", f"rt_-1_{'a' * 43}", "rt_" + "f" * 3000):
        answer = await t.open(t.socket(query=f"ticket={made_up}"))
        assert answer.shut_out and made_up not in repr(answer.frames).replace("rt_'", ""), (made_up, answer)
    await t.absent()
