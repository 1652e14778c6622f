"""What a page of another site sends: its browser marks it, and nothing of it runs or is read."""

from __future__ import annotations

from typing import Final

from .attack import attack
from .target import FOE, JSON, Target

PAGES: Final = (
    (f"Origin: {FOE}", "Sec-Fetch-Site: cross-site"), (f"Origin: {FOE}",), ("Origin: null",),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), ("Sec-Fetch-Site: same-site",),
)  # fmt: skip
TYPES: Final = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json",
)  # fmt: skip


@attack("S15", "a post that a browser sends for any page, of any type, runs nothing")
async def simple_posts_of_foreign_pages_run_nothing(t: Target) -> None:
    for page in PAGES:
        for kind in TYPES:
            for path in (t.call, t.tell, t.mounted):
                answer = await t.ask(f"POST {path}", f"Content-Type: {kind}", *page, body=b"{}")
                assert answer.refused, (page, kind, path, answer)
                assert "access-control-allow-origin" not in answer.headers, (page, path, answer)
    await t.absent()


@attack("S15", "a foreign page reads nothing, and does not learn what exists")
async def foreign_pages_read_nothing(t: Target) -> None:
    for page in (*PAGES, ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object")):
        for path in (t.agent, f"{t.agent}/state", f"{t.agent}/events?follow=false"):
            answer = await t.ask(f"GET {path}", *page)
            assert (answer.status, answer.code) == (403, "bad-origin") or answer.status == 429, (page, path, answer)
            assert "access-control-allow-origin" not in answer.headers, (page, path, answer)


@attack("S15", "a foreign page is not told that it may ask")
async def preflights_of_foreign_pages_are_refused(t: Target) -> None:
    for path in (t.call, t.tell, f"{t.agent}/state", t.agent):
        answer = await t.ask(
            f"OPTIONS {path}", f"Origin: {FOE}", "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization", "Access-Control-Request-Private-Network: true",
        )  # fmt: skip
        allowed = [name for name in answer.headers if name.startswith("access-control-allow")]
        assert not allowed and answer.status < 500, (path, answer)


@attack("held", "a foreign page opens no WebSocket")
async def foreign_pages_open_no_socket(t: Target) -> None:
    for origin in (FOE, "null", f"{t.url}.foe.example", "http://[", "file://"):
        answer = await t.open(t.socket(), f"Origin: {origin}")
        assert answer.shut_out, (origin, answer)
    await t.absent()


@attack("S15", "an operator's route does not do for a foreign page what it does for the operator")
async def foreign_pages_are_no_operators(t: Target) -> None:
    for page in PAGES:
        for line in (
            f"DELETE {t.agent}",
            f"POST {t.agent}/hibernate",
            f"POST {t.agent}/disconnect",
            f"PUT {t.agent}/export",
        ):
            answer = await t.ask(line, JSON, *page)
            assert answer.refused, (line, page, answer)
