"""What is the operator's, and tokens that are nobody's."""

from __future__ import annotations

from typing import Final

from .attack import attack
from .target import JSON, TOKEN, Target

DENIED: Final = (401, 403, 429)
"""429: the deployment stops an address that guesses."""
NOBODY: Final = (
    (), (f"Authorization: Bearer {TOKEN}",), ("Authorization: Bearer",), ("Authorization: Bearer ",),
    ("Authorization: Basic YWRtaW46YWRtaW4=",), ("Authorization: Bearer *",), ("Authorization: Bearer null",),
    (f"X-Roost-Admin-Token: {TOKEN}",), ("X-Forwarded-User: admin", "X-Forwarded-For: 127.0.0.1"),
    ("X-HTTP-Method-Override: GET",), ("Cookie: token=admin; session=admin",),
)  # fmt: skip


ROUTES: Final = (
    "DELETE ", "GET /dead-letters", "POST /dead-letters", "DELETE /dead-letters", "GET /letters", "DELETE /letters",
    "GET /export", "PUT /export", "POST /disconnect", "POST /hibernate", "POST /migrate", "POST /reset",
)  # fmt: skip


@attack("S6", "operators' routes are for who has an operator's token, however it is left out")
async def operators_routes_want_a_token(t: Target) -> None:
    for given in NOBODY:
        for rest in ROUTES:
            method, _, path = rest.partition(" ")
            answer = await t.ask(f"{method} {t.agent}{path}", JSON, *given, body=b"" if method == "GET" else b"{}")
            assert answer.status in DENIED, (given, rest, answer)
    await t.absent()


@attack("S2", "nothing a client sends makes it an agent, the operator or the app")
async def names_of_others_open_nothing(t: Target) -> None:
    for given in (
        ("Roost-Source: operator", "Roost-Principal: admin"), ("X-Roost-Caller: admin",), ("Roost-Caller: agent",),
        ("X-Roost-Internal: 1",), ("Roost-Guest: 1",), ("CF-Worker: roost",), ("X-Amzn-Trace-Id: Root=1",),
    ):  # fmt: skip
        for path in ("/export", "/dead-letters"):
            answer = await t.ask(f"GET {t.agent}{path}", *given)
            assert answer.status in DENIED, (given, path, answer)
    for path in ("/roost", "/_internal", f"/v1/internal/{t.kind}/{t.key}", "/alarm", f"/agents/nope/{t.key}/roost"):
        answer = await t.ask(f"POST {path}", JSON, body=b'{"op":"export"}')
        assert answer.status < 500 and b"roost-export" not in answer.body, (path, answer)
    await t.absent()


@attack("S15", "no answer holds a token that was sent, in a header or in a query")
async def tokens_are_not_echoed(t: Target) -> None:
    for path in (
        f"/v1/agents?token={TOKEN}", f"{t.agent}?token={TOKEN}", f"{t.agent}/events?access_token={TOKEN}&after=x",
        f"/nowhere?token={TOKEN}", f"/agents/nope/{t.key}?ticket={TOKEN}", f"{t.agent}/export?token={TOKEN}",
    ):  # fmt: skip
        for given in (
            (),
            (f"Authorization: Bearer {TOKEN}",),
            (f"Authorization: Basic {TOKEN}", f"Cookie: token={TOKEN}"),
        ):
            answer = await t.ask(f"GET {path}", *given)
            said = answer.body + repr(answer.headers).encode()
            assert answer.status < 500 and TOKEN.encode() not in said, (path, given, answer)
    answer = await t.open(
        t.socket("no-such-kind", query=f"token={TOKEN}&ticket={TOKEN}"), f"Authorization: Bearer {TOKEN}"
    )
    assert TOKEN not in repr(answer), answer


@attack("S6", "the audit log is for operators, and Roost's own agents answer nobody")
async def own_agents_answer_nobody(t: Target) -> None:
    for given in NOBODY:
        answer = await t.ask("GET /v1/audit", *given)
        assert answer.status in DENIED, (given, answer)
    for kind in ("roost.audit", "roost.tickets", "roost.registry"):
        for line in ("GET /0", "GET /0/state", "GET /0/events", "GET /0/export", "POST /0/call/note", "DELETE /0"):
            method, _, path = line.partition(" ")
            answer = await t.ask(f"{method} /v1/agents/{kind}{path}", JSON, body=b"" if method == "GET" else b"{}")
            assert answer.refused, (kind, line, answer)
        answer = await t.open(t.socket(kind, "0"))
        assert answer.shut_out, (kind, answer)
