"""Headers twice, hosts and origins that can't be read, requests within requests, heads without end."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from .attack import attack
from .target import JSON, Target
from .wire import request

UNREADABLE: Final = ("[", "]", "a b", "a@b", "a/b", "[::1", "a:b", "a,b")
ORIGINS: Final = ("http://[", "http://]", "http://[::1", "[", "null", "http://", "://", "http:///", "http://a@b:x")


@attack("S15", "a header that decides who asks, or what for, comes once")
async def what_decides_comes_once(t: Target) -> None:
    for path in (t.call, t.tell):
        for twice in (
            ("Authorization: Bearer a", "Authorization: Bearer b"), ("Authorization: Bearer a, Bearer b",),
            (f"Host: {t.host}",), ("Host: foe.example",), (f"Origin: {t.url}", "Origin: null"), (JSON, JSON),
        ):  # fmt: skip
            kind = () if JSON in twice else (JSON,)
            answer = await t.ask(f"POST {path}", *kind, *twice, body=b"{}")
            assert answer.refused, (path, twice, answer)
    await t.absent()


@attack("S15", "an origin that can't be read is refused like a foreign one, by every route that changes something")
async def origins_that_cannot_be_read_are_refused(t: Target) -> None:
    for origin in ORIGINS:
        for path in (t.call, t.tell, t.mounted):
            answer = await t.ask(f"POST {path}", JSON, f"Origin: {origin}", body=b"{}")
            assert answer.refused, (origin, path, answer)
    await t.absent()


@attack("S4", "a host that can't be read is refused, and on loopback every name that is not this machine's (rebinding)")
async def foreign_hosts_are_refused(t: Target) -> None:
    foreign = list(UNREADABLE)
    if t.loopback:
        foreign += [
            "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0:80", "127.1", "[::]:80", "10.0.0.1",
        ]  # fmt: skip
    for host in foreign:
        for line in (
            f"POST {t.call}",
            "GET /v1/agents",
            f"GET {t.agent}/state",
            "GET /openapi.json",
            f"POST {t.mounted}",
        ):
            answer = await t.ask(line, JSON, f"Origin: http://{host}", body=b"{}", host=host)
            assert answer.refused, (host, line, answer)
            assert "access-control-allow-origin" not in answer.headers, (host, line, answer)
        answer = await t.open(t.socket(), f"Origin: http://{host}", host=host)
        assert answer.shut_out, (host, answer)
    await t.absent()


@attack("held", "no request hides in another")
async def requests_do_not_hide_in_one_another(t: Target) -> None:
    hidden = f"{t.key}-hidden"
    inner = request(f"POST {t.call.replace(t.key, hidden)}", f"Host: {t.host}", JSON, body=b"{}")
    for lines in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",), ("Transfer-Encoding : chunked",), ("Content-Length: +5",),
        ("Content-Length: 5, 5",), ("Content-Length: 0x5",), ("Content-Length: -1",),
        ("Content-Length: 5", "Content-Length: 6"), ("X: a\rTransfer-Encoding: chunked",), ("\x00: a",),
        ("Content-Length: 99999999999999999999999",),
    ):  # fmt: skip
        with suppress(TimeoutError):  # it waits for a body that does not come: bounded elsewhere
            await t.raw(request("POST /healthz", f"Host: {t.host}", JSON, *lines) + b"0\r\n\r\n" + inner)
        await t.absent(hidden)


@attack("held", "nothing of a path or a header becomes a header of the answer")
async def headers_are_not_injected(t: Target) -> None:
    for path in (
        f"/v1/agents/{t.kind}/a%0d%0aX-Evil:%201", f"/v1/agents/{t.kind}/{t.key}/state?x=%0d%0aX-Evil:%201",
        "/%0d%0aX-Evil:%201", f"/agents/nope/{t.key}/%0d%0aX-Evil:%201",
    ):  # fmt: skip
        answer = await t.ask(f"GET {path}", "Origin: https://foe.example", "X-Request-Id: a\x0bX-Evil: 1")
        assert answer.status < 500 and "x-evil" not in answer.headers, (path, answer)


@attack("S3", "the head of a request has an end")
async def large_heads_are_refused(t: Target) -> None:
    for more in (["X-Large: " + "x" * (600 << 10)], [f"X-{n}: {'y' * 1000}" for n in range(600)]):
        answer = await t.ask("GET /healthz", *more)
        assert answer.refused, answer.status
    answer = await t.ask("GET /" + "p" * (600 << 10))
    assert answer.refused, answer.status
    await t.lives()
