"""Spellings of paths, and files that are nobody's business."""

from __future__ import annotations

from typing import Final

from .attack import attack
from .target import JSON, Target

OURS: Final = (b'"result"', b'"agents"', b'"state"', b'"letters"', b"roost-export")
"""What an answer of ours holds; an author's own page may be anywhere else."""
FILES: Final = (
    "/.env", "/.roost/admin-token", "/.roost/agents.db", "/..%2f.env", "/%2e%2e/.env", "/.git/config", "/main.py",
    "/app.py", "/pyproject.toml", "/template.yaml", "/wrangler.toml", "/sbom.cdx.json", "/agents/../.env",
    "/proc/self/environ", "/_roost/../.env",
)  # fmt: skip


@attack("held", "no spelling of a path leads to another route")
async def spellings_of_a_path_lead_nowhere(t: Target) -> None:
    kind, key = t.kind, t.key
    for path in (
        f"/v1//agents/{kind}/{key}", f"//v1/agents/{kind}/{key}", f"/V1/agents/{kind}/{key}",
        f"/v1/agents/{kind}%2f{key}", f"/v1/agents/%00{kind}/{key}", f"/v1/./agents/{kind}/{key}",
        f"/v1/agents/{kind.upper()}/{key}", f"/v1/agents/{kind}/{key}/", f"/v1/agents/{kind}/{key};x=1/state",
        f"/v1/agents/{kind}/../{kind}/{key}", f"/agents/../v1/agents/{kind}/{key}", f"/v1/agents/{kind}/%ff",
        f"/v1\\agents\\{kind}\\{key}", f"/v1/agents/{kind}/{key}/call/__init__", f"/%2e%2e/v1/agents/{kind}/{key}",
        f"/v1/agents/{kind}/{key}/call/on_request", f"/v1/agents/{kind}/{key}/state/..%2fexport",
        f"/v1/agents/{kind}/{key}/call/..%2f..%2fexport", f"http://{t.host}/v1/agents/{kind}/{key}/export",
    ):  # fmt: skip
        for method in ("GET", "POST", "DELETE"):
            answer = await t.ask(f"{method} {path}", JSON, body=b"{}" if method == "POST" else b"")
            assert answer.status < 500, (method, path, answer)
            assert answer.status // 100 != 2 or not any(mark in answer.body for mark in OURS), (method, path, answer)
    await t.absent()


@attack("S12", "no file of the project is served")
async def files_are_not_served(t: Target) -> None:
    for path in FILES:
        answer = await t.ask(f"GET {path}")
        assert answer.status < 500, (path, answer)
        if answer.status == 200:  # a page of the author's for all paths
            assert "text/html" in answer.headers.get("content-type", ""), (path, answer)


@attack("S9", "the console of `roost dev` is not at the app's own address")
async def the_console_is_not_served(t: Target) -> None:
    for line in ("GET /_roost/app", "POST /_roost/session", "POST /_roost/crash", "GET /_roost/static/session.js"):
        answer = await t.ask(line, f"Origin: {t.url}", "Sec-Fetch-Site: same-origin")
        assert answer.status < 500, (line, answer)
        assert b'"token"' not in answer.body and b'"kinds"' not in answer.body, (line, answer)
    await t.lives()
