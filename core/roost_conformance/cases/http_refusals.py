"""Requests that are wrong: each is answered by the precise problem document, and changes nothing."""

from __future__ import annotations

from urllib.parse import quote

from ..case import case
from ..probes.answer import absent, problem_of
from ..stage import Stage

FORM = "application/x-www-form-urlencoded"
"""What curl declares every body to be, and what a page can send to any site without asking it."""


@case("http", "an unknown kind, action or path is 404, and says what there is")
async def unknown_names_over_http(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        for verb in ("call", "tell"):
            problem = problem_of(await http.post(f"/v1/agents/no-such/x/{verb}/add"), 404, "unknown-kind")
            assert "no-such" in problem["detail"] and "clerk" in problem["detail"], problem
            problem = problem_of(await http.post(stage.path("clerk", key, verb, "nowhere")), 404, "unknown-action")
            assert "nowhere" in problem["detail"] and "add" in problem["detail"], problem
            for name in ("hidden", "on_request", "broadcast", "__init__", "_tick"):
                answer = await http.post(stage.path("clerk", key, verb, name))
                assert problem_of(answer, 404, answer.json()["code"])["code"] in {"not-an-action", "unknown-action"}
        for rest in ("", "/state", "/events"):
            problem_of(await http.get(f"/v1/agents/Clerk/x{rest}"), 404, "unknown-kind")
        for path in ("/v1/agents/clerk/x/nowhere", "/v1/agents/clerk/x/call/add/more", "/v1/agents/clerk", "/v1/other",
                     "/v1/agents/clerk//call/add", "/v1/agents/clerk/x/call/", "/v1/agents/clerk/x/"):  # fmt: skip
            answer = await http.post(path) if "/call/" in path else await http.get(path)
            assert answer.status_code == 404, (path, answer.status_code, answer.text)
            if path.startswith("/v1/agents/"):
                problem_of(answer, 404, "no-route")
    await absent(stage, "clerk", key)


@case("http", "a method that a route has not is 405 and names those it has")
async def wrong_methods_over_http(stage: Stage) -> None:
    key = stage.key()
    async with stage.http(admin=True) as http:
        routes = {
            "": {"GET", "HEAD", "DELETE"},
            "/state": {"GET", "HEAD"},
            "/events": {"GET", "HEAD"},
            "/call/add": {"POST"},
            "/tell/add": {"POST"},
            "/dead-letters": {"GET", "HEAD", "POST", "DELETE"},
            "/letters": {"GET", "HEAD", "DELETE"},
            "/hibernate": {"POST"},
            "/disconnect": {"POST"},
            "/export": {"GET", "HEAD", "PUT"},
        }
        for rest, methods in routes.items():
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                if method not in methods:
                    answer = await http.request(method, stage.path("clerk", key) + rest)
                    problem = problem_of(answer, 405, "method-not-allowed")
                    allowed = {m.strip() for m in answer.headers["allow"].split(",")}
                    assert allowed == methods, f"{rest}: Allow is {answer.headers['allow']}"
                    assert method in problem["detail"], problem
        for path in ("/v1/agents", "/healthz", "/readyz", "/openapi.json"):
            problem_of(await http.post(path), 405, "method-not-allowed")
    await absent(stage, "clerk", key)


@case("http", "a body that is not JSON is 400, one of another shape 422, of another type 415; nothing runs")
async def wrong_bodies_over_http(stage: Stage) -> None:
    key = stage.key()
    bodies: list[tuple[bytes, int, str]] = [
        (b"{", 400, "bad-json"), (b"\xff", 400, "bad-json"), (b'{"args":[NaN]}', 400, "bad-json"),
        (b'{"args":[-Infinity]}', 400, "bad-json"), (b'{"args":[1e999]}', 400, "bad-json"),
        (b'{"args":["\\ud800"]}', 400, "bad-json"), (b'{"args":[1],}', 400, "bad-json"), (b"{} {}", 400, "bad-json"),
        (b'{"args":' + b"[" * 5000 + b"]" * 5000 + b"}", 422, "limit-depth"), (b"'a'", 400, "bad-json"),
        (b"[]", 422, "bad-body"), (b'"text"', 422, "bad-body"), (b"null", 422, "bad-body"), (b"5", 422, "bad-body"),
        (b'{"argz":[1]}', 422, "bad-body"), (b'{"args":{}}', 422, "bad-body"), (b'{"args":"1"}', 422, "bad-body"),
        (b'{"args":null}', 422, "bad-body"), (b'{"kwargs":[]}', 422, "bad-body"), (b'{"kwargs":null}', 422, "bad-body"),
    ]  # fmt: skip
    async with stage.http() as http:
        for verb in ("call", "tell"):
            path = stage.path("clerk", key, verb, "add")
            for body, status, code in bodies:
                answer = await http.post(path, content=body, headers={"content-type": "application/json"})
                problem = problem_of(answer, status, code)
                if b"argz" in body:
                    assert "argz" in problem["detail"], problem
            for kind in ("text/plain", "application/jsonx", "multipart/form-data"):
                answer = await http.post(path, content=b'{"args":[1]}', headers={"content-type": kind})
                problem_of(answer, 415, "bad-content-type")
            form = {"content-type": FORM}  # of a web page
            answer = await http.post(path, content=b'{"args":[1]}', headers={**form, "sec-fetch-mode": "no-cors"})
            problem_of(answer, 415, "bad-content-type")
            answer = await http.post(path, content=b'{"args":[1]}', headers={**form, "sec-fetch-site": "cross-site"})
            problem_of(answer, 403, "bad-origin")
        path = stage.path("clerk", key, "tell", "add")
        for doc in ({"lane": "fast"}, {"lane": None}, {"delay": -1}, {"delay": "1"}, {"delay": True}, {"delay": 1e12}):
            problem = problem_of(await http.post(path, json={"args": [1], **doc}), 422, "bad-body")
            assert f"`{next(iter(doc))}`" in problem["detail"], problem
        problem_of(await http.post(stage.path("clerk", key, "call", "add"), json={"lane": "urgent"}), 422, "bad-body")
    await absent(stage, "clerk", key)


@case("http", "arguments an action does not take are 422; the detail and the data name each of them")
async def wrong_arguments_over_http(stage: Stage) -> None:
    key = stage.key()
    order = {"item": "ink"}
    wrong: list[tuple[str, dict[str, object], str]] = [
        ("add", {}, "a"),
        ("add", {"args": ["many"]}, "a"),
        ("add", {"args": [1, 2.5]}, "b"),
        ("add", {"kwargs": {"a": 1, "c": 2}}, "c"),
        ("add", {"args": [1], "kwargs": {"a": 2}}, "a"),
        ("order", {"args": [{}]}, "item"),
        ("order", {"args": [{"item": "ink", "amount": 0}]}, "amount"),
        ("order", {"args": [{"item": "ink", "amount": 100}]}, "amount"),
        ("order", {"args": [{"item": "ink", "due": "soon"}]}, "due"),
        ("order", {"args": [order], "kwargs": {"urgency": "now"}}, "urgency"),
        ("order", {"args": [order, "high"]}, ""),
        ("add", {"args": [1, 2, 3]}, ""),
    ]
    async with stage.http() as http:
        for verb in ("call", "tell"):
            for action, body, name in wrong:
                problem = problem_of(
                    await http.post(stage.path("clerk", key, verb, action), json=body), 422, "bad-arguments"
                )
                assert name in problem["detail"] and action in problem["detail"], (body, problem)
                assert problem["data"] and all({"loc", "msg", "type"} <= {*e} for e in problem["data"]), problem
                assert not name or any(name in e["loc"] for e in problem["data"]), (name, problem)
        secret = await http.post(stage.path("clerk", key, "call", "add"), json={"args": ["swordfish"]})
        assert "swordfish" not in secret.text, "what was sent may be secret"
    await absent(stage, "clerk", key)


@case("7", "arguments of more than 120 KiB and bodies of more than 1 MiB are 413, by name")
async def large_bodies_over_http(stage: Stage) -> None:
    key = stage.key()
    limit, most = 120 * 1024, 1024 * 1024
    room = len('{"args":[""],"kwargs":{}}')
    async with stage.http() as http:
        for verb in ("call", "tell"):
            path = stage.path("clerk", key, verb, "echo")
            answer = await http.post(path, json={"args": ["x" * (limit - room + 1)]})
            problem_of(answer, 413, "limit-arguments")
            answer = await http.post(path, content=b" " * (most + 1), headers={"content-type": "application/json"})
            problem_of(answer, 413, "limit-http-body")
        problem_of(await http.post(f"/agents/page/{key}", content=b"x" * (most + 1)), 413, "limit-http-body")
        await absent(stage, "clerk", key)
        await absent(stage, "page", key)
        fits = "x" * (limit - room)
        answer = await http.post(stage.path("clerk", key, "call", "add"), json={"args": [1], "kwargs": {"b": 2}})
        assert answer.status_code == 200
        answer = await http.post(stage.path("clerk", key, "tell", "echo"), json={"args": [fits]})
        assert answer.status_code == 202, answer.text
        assert (await http.post(f"/agents/page/{key}/mirror", content=b"y" * most)).content == b"y" * most


@case("http", "a key that is none is refused as such, on every route")
async def wrong_keys_over_http(stage: Stage) -> None:
    async with stage.http(admin=True) as http:
        wrong = (
            ("x" * 513, 414, "limit-key"), (quote("é" * 257), 414, "limit-key"), ("%00", 400, "bad-key"),
            ("a%00b", 400, "bad-key"), ("%ff", 400, "bad-key"), ("%ED%A0%80", 400, "bad-key"),
        )  # fmt: skip
        for key, status, code in wrong:
            for method, rest in (
                ("POST", "/call/add"), ("POST", "/tell/add"), ("GET", ""), ("GET", "/state"), ("GET", "/events"),
                ("DELETE", ""), ("GET", "/export"), ("POST", "/hibernate"),
            ):  # fmt: skip
                problem_of(await http.request(method, f"/v1/agents/clerk/{key}{rest}"), status, code)
            problem_of(await http.get(f"/agents/page/{key}"), status, code)
        assert (await http.get(f"/v1/agents/clerk/{'x' * 512}")).status_code == 404, "a key of 512 bytes is one"
        assert (await http.get(f"/v1/agents/clerk/{quote('é' * 256)}")).status_code == 404


@case("http", "an Idempotency-Key that is none is 400 and runs nothing, a Roost-Timeout that is none too")
async def wrong_headers_over_http(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        for verb in ("call", "tell"):
            path = stage.path("clerk", key, verb, "add")
            for bad in (b"", b"x" * 256, b"\xe9", b"a\tb"):
                answer = await http.post(path, json={"args": [1]}, headers={b"idempotency-key": bad})
                problem_of(answer, 400, "bad-idempotency-key")
        path = stage.path("clerk", key, "call", "add")
        for bad in (b"", b"0", b"-1", b"x", b"nan", b"1e3"):
            answer = await http.post(path, json={"args": [1]}, headers={b"roost-timeout": bad})
            problem_of(answer, 400, "bad-timeout")
        await absent(stage, "clerk", key)
        answer = await http.post(
            path,
            json={"args": [1]},
            headers={"idempotency-key": "~" * 255, "roost-timeout": "9.5"},
        )
        assert answer.json() == {"result": 2}, answer.text


@case("11", "a caller's Roost-Timeout cancels the tick: 503, and nothing of it is kept")
async def caller_timeout_cancels_the_tick(stage: Stage) -> None:
    async with stage.agent("friend") as friend, stage.http() as http:
        path = stage.path("friend", friend.address.key, "call", "doze")
        answer = await http.post(path, json={"args": [20]}, headers={"roost-timeout": "0.5"})
        assert problem_of(answer, 503, "deadline")["retry_after"] is not None
        await absent(stage, "friend", friend.address.key)
        answer = await http.post(path, json={"args": [0.01]}, headers={"roost-timeout": "15"})
        assert answer.status_code == 200, "the cancelled tick still runs"
