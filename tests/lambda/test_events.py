"""The codec of WebSocket API events, over events as API Gateway sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roost.contract.address import Address
from roost.protocol.incoming import number
from roost_lambda.events import Closed, Framed, Opened, Resumed, decode, follow_up, opened, resume
from roost_lambda.sqs_bells import heard, message


def event(kind: str, **more: Any) -> dict[str, Any]:
    context = {
        "routeKey": "$default", "eventType": kind, "messageDirection": "IN", "stage": "prod",
        "connectionId": "L0SM9cOFvHcCIhw=", "apiId": "abc", "identity": {"sourceIp": "203.0.113.9"},
        **more.pop("context", {}),
    }  # fmt: skip
    return {"requestContext": context, "isBase64Encoded": False, **more}


def test_a_handshake() -> None:
    given = event(
        "CONNECT", headers={"Host": "abc.execute-api.eu-west-1.amazonaws.com", "Origin": "https://a.example"},
        queryStringParameters={"agent": "counter", "name": "a/b é", "_pk": "x"},
    )  # fmt: skip
    found = decode(given)
    assert found == Opened(
        "L0SM9cOFvHcCIhw=", {"agent": "counter", "name": "a/b é", "_pk": "x"},
        {"host": "abc.execute-api.eu-west-1.amazonaws.com", "origin": "https://a.example"}, "203.0.113.9",
    )  # fmt: skip
    assert decode(json.loads(json.dumps(follow_up(opened(given))))) == found


def test_a_handshake_without_a_query() -> None:
    assert decode(event("CONNECT", headers=None, queryStringParameters=None)) == Opened(
        "L0SM9cOFvHcCIhw=", {}, {}, "203.0.113.9"
    )


def test_headers_that_come_twice_are_seen_as_both() -> None:
    found = decode(event("CONNECT", headers={"Host": "b"}, multiValueHeaders={"Host": ["a", "b"], "X": ["1"]}))
    assert isinstance(found, Opened) and found.headers == {"host": "a, b"}


def test_a_frame_and_an_end() -> None:
    assert decode(event("MESSAGE", body="hé")) == Framed("L0SM9cOFvHcCIhw=", "hé")
    young = decode(event("MESSAGE", body="x", context={"connectedAt": 1_800_000_000_500}))
    assert young == Framed("L0SM9cOFvHcCIhw=", "x", 1_800_000_000.5)
    ended = event("DISCONNECT", context={"disconnectStatusCode": 1001, "disconnectReason": "Going away"})
    assert decode(ended) == Closed("L0SM9cOFvHcCIhw=", 1001, "Going away")
    assert decode(event("DISCONNECT", context={"disconnectStatusCode": None})).__class__ is Closed


def test_a_lane_that_goes_on() -> None:
    assert decode(json.loads(json.dumps(resume("L0SM9cOFvHcCIhw=")))) == Resumed("L0SM9cOFvHcCIhw=")


@pytest.mark.parametrize("other", [{}, {"Records": []}, {"requestContext": {"http": {}}, "version": "2.0"}])
def test_another_event_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an event of a WebSocket API"):
        decode(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"type":"rpc","seq":3}', 3), ('{"type":"roost_message","seq":1}', 1), ('{"type":"mine","seq":3}', None),
        ('{"type":"rpc","seq":0}', None), ('{"type":"rpc","seq":true}', None), ('["seq"]', None), ('{"seq"', None),
    ],
)  # fmt: skip
def test_which_frames_are_numbered(text: str, expected: int | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize("key", ["a", "a/b", 'é"\\', "x" * 500])
def test_a_bell_carries_an_address_and_its_wake(key: str) -> None:
    address = Address("counter", key)
    assert heard(message(address, 0.0)) == (address, 0.0, 0.0)
    assert heard(message(address, 12.25)) == (address, 12.25, 0.0)
    assert heard(message(address, 12.25, 12.5)) == (address, 12.25, 12.5)
    assert heard(message(address, None)) == (address, None, 0.0), "as bells were before they carried one"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"kind": "a"}', "null"])
def test_what_is_no_bell_is_refused(body: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own text for the first
        heard(body)
