"""Bodies: too large, too deep, too many digits, no JSON; and pages that ask for everything."""

from __future__ import annotations

from typing import Final

from .attack import attack
from .target import JSON, Target

BROKEN: Final = (
    b"[" * 100_000, b'{"args":' + b"[" * 300 + b"]" * 300 + b"}", b'{"args":[' + b"9" * 200_000 + b"]}",
    b'{"args":[1e999]}', b'{"args":[NaN]}', b'{"args":["\\ud800"]}', b"\xff\xfe{}", b'{"args":[1]}{"args":[2]}',
    b'{"kwargs":{"__class__":1}}', b'{"args":{"length":1}}', b'{"__proto__":{"args":[]}}', b'"\x00"', b"null",
)  # fmt: skip


@attack("held", "no body breaks the server: depth, digits, encodings, what is no JSON")
async def no_body_breaks_it(t: Target) -> None:
    for body in BROKEN:
        for path in (t.call, t.tell):
            answer = await t.ask(f"POST {path}", JSON, body=body)
            assert answer.refused, (path, body[:60], answer)
            assert answer.code != "internal", (path, body[:60], answer)
    await t.absent()


@attack("S10", "a body has a limit, however it is sent")
async def bodies_have_a_limit(t: Target) -> None:
    body = b'{"args":["' + b"x" * (5 << 19) + b'"]}'
    for path in (t.call, t.tell):
        answer = await t.ask(f"POST {path}", JSON, body=body)
        assert answer.refused, (path, answer)
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        answer = await t.raw(
            f"POST {path} HTTP/1.1\r\nHost: {t.host}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunked
        )
        assert answer.refused, (path, answer)
    await t.absent()
    await t.lives()


@attack("S8", "nobody gets more than a page at a time")
async def pages_have_limits(t: Target) -> None:
    for path in (
        f"{t.agent}/events?limit=1000000000&follow=false", f"{t.agent}/events?limit=-1", f"{t.agent}/events?after=1e9",
        f"{t.agent}/events?kinds={','.join(map(str, range(200)))}", "/v1/agents?limit=1000000000",
        f"{t.agent}/dead-letters?limit=1000000000",
    ):  # fmt: skip
        answer = await t.ask(f"GET {path}")
        assert answer.refused, (path, answer)
