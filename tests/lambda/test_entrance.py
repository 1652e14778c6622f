"""A stack with a domain answers what came through it, and nothing that was sent to AWS's own addresses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from roost.contract.errors import Rejected
from roost_lambda.emulator.stack import client
from roost_lambda.entrance import HEADER, guarded, passed, viewer
from roost_lambda.harness import LambdaHarness
from tests.attacks.raw import opening

SECRET = "what-cloudfront-adds"


def test_the_secret_is_asked_for_and_not_handed_on() -> None:
    assert passed({HEADER: SECRET, "a": "b"}, SECRET) == {"a": "b"}
    assert passed({HEADER: "anything", "a": "b"}, None) == {"a": "b"}
    for given in ({}, {HEADER: ""}, {HEADER: SECRET + "x"}, {HEADER: f"{SECRET}, {SECRET}"}, {"X-Roost": SECRET}):
        with pytest.raises(Rejected) as refused:
            passed(given, SECRET)
        assert (refused.value.code, refused.value.status) == ("bad-entrance", 403)


def test_an_event_is_looked_at_before_the_app_sees_it() -> None:
    seen: list[Any] = []

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.append(event)
        return {"statusCode": 200}

    assert guarded(handle, None) is handle
    looking = guarded(handle, SECRET)
    for event in ({}, {"headers": None}, {"headers": {HEADER: "no"}}):
        answer = looking(event, None)
        assert answer["statusCode"] == 403 and "bad-entrance" in answer["body"] and SECRET not in str(answer)
    assert looking({"headers": {HEADER: SECRET, "a": "b"}, "rawPath": "/"}, None) == {"statusCode": 200}
    assert seen == [{"headers": {"a": "b"}, "rawPath": "/"}]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", "9.9.9.9"), ("9.9.9.9", "9.9.9.9"), ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 9.9.9.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"), ("6.6.6.6, 203.0.113.9,9.9.9.9 ", "203.0.113.9"), (" , ", "9.9.9.9"),
    ],
)  # fmt: skip
def test_the_client_is_the_one_that_the_domain_saw(forwarded: str, client: str) -> None:
    """Else all clients of an edge would share one quota, and any could have its own by a header."""
    seen: list[Any] = []

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.append(event)
        return {"statusCode": 200}

    event: dict[str, Any] = {
        "headers": {HEADER: SECRET, "x-forwarded-for": forwarded},
        "requestContext": {"http": {"sourceIp": "9.9.9.9", "method": "GET"}, "stage": "$default"},
    }
    guarded(handle, SECRET)(event, None)
    assert seen[0]["requestContext"] == {"http": {"sourceIp": client, "method": "GET"}, "stage": "$default"}
    assert viewer(event["headers"], "9.9.9.9") == client
    guarded(handle, None)(event, None)
    assert seen[1]["requestContext"]["http"]["sourceIp"] == "9.9.9.9", "without a domain nobody's word is taken"


@pytest.mark.anyio
async def test_neither_http_nor_websockets_go_around_the_domain() -> None:
    harness = LambdaHarness()
    await harness.start(restless=False)
    functions = client(harness.emulator, "lambda")
    for name in (harness.stack.functions["Web"], harness.stack.functions["Socket"]):
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["ROOST_ORIGIN_SECRET"] = SECRET  # the stack's own, where it has a domain
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    path, host = "/prod?agent=counter&name=a", f"Host: {harness.url[7:]}"
    try:
        async with httpx.AsyncClient(base_url=harness.url, timeout=60) as http:
            for where in ("/healthz", "/v1/agents", "/v1/agents/counter/a/call/increment", "/nowhere"):
                answer = await http.post(where, headers={"authorization": f"Bearer {harness.admin_token}"})
                assert (answer.status_code, answer.json()["code"]) == (403, "bad-entrance"), where
            assert (await http.get("/healthz", headers={HEADER: SECRET})).status_code == 200
        status, [refused], closed = opening(harness.url, path, host)
        assert (status, refused["type"], refused["problem"]["code"]) == (101, "roost_close", "bad-entrance") and closed
        assert opening(harness.url, path, host, f"{HEADER}: {SECRET}")[2] == 0
    finally:
        await harness.stop()
