"""An agent's own HTTP: `on_request` at /agents/{kind}/{key}[/...]."""

from __future__ import annotations

from urllib.parse import quote

from ..case import case
from ..probes.answer import absent, problem_of
from ..stage import Stage


def _at(key: str, rest: str = "") -> str:
    return f"/agents/page/{quote(key, safe='')}{rest}"


@case("http", "on_request gets method, path, query, headers and body as they were sent, and ticks")
async def request_arrives_as_sent(stage: Stage) -> None:
    key = stage.key("/é")
    async with stage.http() as http:
        for number, method in enumerate(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), 1):
            answer = await http.request(
                method, _at(key, "/deep/er%20é/x?a=1&a=2&b=%2F&c"), content=b"\x00\xff" * 3, headers={"x-probe": "p q"}
            )
            assert answer.status_code == 200, (method, answer.text)
            assert answer.json() == {
                "method": method, "path": "/deep/er é/x", "query": "a=1&a=2&b=%2F&c", "probe": "p q", "size": 6,
                "caller": None,
            }, (method, answer.text)  # fmt: skip
            state = (await http.get(stage.path("page", key, "state"))).json()
            assert state == {"state": {"visits": number}, "version": number}, f"{method} did not tick: {state}"
        assert (await http.get(_at(key))).json()["path"] == ""
        assert (await http.get(_at(key, "/"))).json()["path"] == "/"


@case("http", "on_request answers text, bytes, JSON, nothing, any status and headers of its own")
async def request_is_answered(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        answer = await http.get(_at(key, "/text"))
        assert (answer.status_code, answer.content) == (200, "plain words, é".encode())
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        answer = await http.get(_at(key, "/bytes"))
        assert answer.content == bytes(range(256)) and answer.headers["content-type"] == "application/octet-stream"
        answer = await http.get(_at(key, "/nothing"))
        assert (answer.status_code, answer.content) == (204, b"")
        answer = await http.get(_at(key, "/teapot"))
        assert (answer.status_code, answer.json()) == (418, {"short": "stout"})
        assert answer.headers["x-pot"] == "tea" and answer.headers["content-type"] == "application/vnd.pot+json"
        answer = await http.get(_at(key, "/json"))
        assert answer.headers["content-type"] == "application/json"
        image = bytes(range(255, -1, -1)) * 40
        answer = await http.put(_at(key, "/mirror"), content=image, headers={"content-type": "image/x-probe"})
        assert answer.content == image and answer.headers["content-type"] == "image/x-probe"
        head = await http.head(_at(key, "/text"))
        assert (head.status_code, head.content) == (200, b"") and head.headers["content-length"] == "15"


@case("http", "an on_request that fails answers the problem and keeps nothing of its tick")
async def failing_request_is_a_problem(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        problem = problem_of(await http.get(_at(key, "/refuse")), 403, "no-page")
        assert problem["detail"] == "not this page" and problem["data"] == {"page": 1}, problem
        answer = await http.get(_at(key, "/burst"))
        problem = problem_of(answer, 500, "agent-error")
        assert problem["id"] in problem["detail"] and "swordfish" not in answer.text, problem
        problem_of(await http.get(_at(key, "/bad-status")), 500, "agent-error")
        await absent(stage, "page", key)
        answer = await http.get(_at(key, "/bad-header"))
        problem_of(answer, 500, "agent-error")
        assert "set-cookie" not in answer.headers, "a header was split"


@case("http", "a request to what is no agent's is refused: no such kind 400, no on_request 404, no key 404")
async def request_to_nobody(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        problem = problem_of(await http.get(f"/agents/no-such/{key}"), 400, "unknown-kind")
        assert problem["detail"].startswith("Invalid request"), problem
        problem_of(await http.post(f"/agents/clerk/{key}/x"), 404, "no-on-request")
        for path in ("/agents", "/agents/", "/agents/page", "/agents/page/"):
            problem_of(await http.get(path), 404, "no-route")
    await absent(stage, "clerk", key)
