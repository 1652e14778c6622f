"""HTTP answers under the microscope: problem documents, and that nothing has happened."""

from __future__ import annotations

from typing import Any

import httpx

from ..stage import Stage


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The RFC 9457 document of a refusal, which must be complete and exactly this one."""
    what = f"{answer.request.method} {answer.request.url.raw_path.decode()[:120]}"
    assert answer.status_code == status, f"{what}: {answer.status_code} {answer.text[:300]}, expected {status}"
    kind = answer.headers.get("content-type", "")
    assert kind.startswith("application/problem+json"), f"{what}: the content type is {kind!r}"
    doc: dict[str, Any] = answer.json()
    assert doc["code"] == code, f"{what}: the code is {doc['code']!r}, expected {code!r}: {doc['detail']}"
    assert doc["type"] == f"urn:roost:error:{code}", doc
    assert doc["status"] == status, doc
    assert isinstance(doc["title"], str) and doc["title"], doc
    assert isinstance(doc["detail"], str) and doc["detail"], doc
    return doc


async def absent(stage: Stage, kind: str, key: str) -> None:
    """There is no such agent: whatever was refused has left no trace."""
    async with stage.http(admin=True) as http:
        problem_of(await http.get(stage.path(kind, key)), 404, "no-agent")


async def version(stage: Stage, kind: str, key: str) -> int:
    """The agent's version, read without waking it."""
    async with stage.http(admin=True) as http:
        answer = await http.get(stage.path(kind, key))
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])
