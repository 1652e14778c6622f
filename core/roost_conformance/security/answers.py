"""What answers tell beside what was asked: nothing of the inside, nothing that runs in a page."""

from __future__ import annotations

import re
from typing import Final

from .attack import attack
from .target import JSON, Target

INSIDE: Final = re.compile(
    rb"Traceback|File \"|site-packages|/usr/lib|/var/task|\.py\b|sqlite3?\.|botocore|dynamodb|pydantic(?!\.dev)|"
    rb"0x[0-9a-f]{8}"
)


@attack("held", "errors say what was wrong with the request, and nothing of the inside")
async def errors_tell_nothing_of_the_inside(t: Target) -> None:
    for line, body in (
        (f"POST {t.call}", b'{"args":[[[[{"a":{}}]]]],"kwargs":{"nope":1}}'), (f"POST {t.call}", b"{"),
        (f"POST {t.agent}/call/nope", b"{}"), (f"PATCH {t.agent}", b"{}"), ("GET /v1/agents/nope/x", b""),
        (f"GET {t.agent}/events?after=x", b""), (f"GET {t.agent}/nope", b""), (f"PUT {t.call}", b"{}"),
        (f"POST {t.agent}/import", b"\x00\xff"), (f"GET {t.agent}/export", b""), ("GET /v1/agents/%ff/%ff", b""),
        ("TRACE /healthz", b""), ("FOO /v1/agents", b""),
    ):  # fmt: skip
        answer = await t.ask(line, JSON, body=body)
        assert answer.refused or answer.status == 501, (line, answer)
        assert not INSIDE.search(answer.body), (line, answer)
        assert "x-powered-by" not in answer.headers, (line, answer)
    await t.absent()


@attack("held", "no answer is kept by caches, or taken by a browser for what it is not")
async def answers_are_of_one_kind_and_not_kept(t: Target) -> None:
    for line in ("GET /v1/agents", "GET /healthz", "GET /openapi.json", "GET /v1/capabilities", f"GET {t.agent}",
                 f"GET {t.agent}/state", f"POST {t.agent}/call/nope", "GET /v1/agents/nope/x"):  # fmt: skip
        answer = await t.ask(line, JSON)
        assert answer.headers.get("x-content-type-options") == "nosniff", (line, answer)
        assert answer.headers.get("cache-control") == "no-store", (line, answer)
        assert "json" in answer.headers.get("content-type", ""), (line, answer)


@attack("S11", "control characters of a key or a kind reach no answer")
async def control_characters_are_not_echoed(t: Target) -> None:
    for text in ("%1b[31m", "%00", "%0a%0dx", "%c2%9b", "%7f", "%e2%80%ae"):
        for path in (
            f"/v1/agents/{t.kind}/{text}/nope",
            f"/v1/agents/{text}/x",
            f"/v1/agents/{t.kind}/{t.key}/call/{text}",
        ):
            answer = await t.ask(f"GET {path}")
            assert answer.status < 500, (path, answer)
            assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", answer.body), (path, answer)
