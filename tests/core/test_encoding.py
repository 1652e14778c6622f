"""The door of values: how deep JSON is, seen from its bytes alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from roost.contract.encoding import DEPTH, DIGITS, checked, deeper, encode, outline, parse
from roost.contract.errors import AgentError, LimitExceeded, Rejected
from roost.protocol.incoming import Refused, number, read

TEXTS = st.text(alphabet='[]{}"\\,: aé\n', max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


def depth_of(value: Any) -> int:
    inner: Any = value
    if isinstance(value, dict):
        inner = [*inner.values()]
    return 1 + max((depth_of(one) for one in inner), default=0) if isinstance(value, (dict, list)) else 0


@given(VALUES)
def test_depth_is_that_of_the_value(value: Any) -> None:
    depth = depth_of(value)
    for raw in (to_json(value), json.dumps(value, indent=1).encode()):
        assert not deeper(raw, depth)
        assert depth == 0 or deeper(raw, depth - 1)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_an_outline_keeps_what_is_not_nested(value: dict[str, Any]) -> None:
    flat = {k: None if isinstance(v, (dict, list)) else v for k, v in value.items()}
    assert json.loads(outline(to_json(value))) == flat


def test_what_only_looks_wrong_is_taken() -> None:
    taken: Any = ("[" * 100, "NaN Infinity", "1" * 9000, '"' * 99, [[]] * 500, {"a": "\\" * 50 + "["}, ["-Infinity"])
    for value in taken:
        assert parse(encode(value, "it"), "it") == value
    assert checked(b'{"x":"NaN"}', "it")


def test_each_limit_is_named() -> None:
    deep: Any = 1
    for _ in range(DEPTH):
        deep = [deep]
    assert parse(encode(deep, "it"), "it") == deep
    for value, limit in (([deep], "depth"), (10**DIGITS, "digits")):
        for refused in (lambda v=value: encode(v, "it"), lambda v=value: parse(to_json(v), "it")):
            with pytest.raises(LimitExceeded) as found:
                refused()
            assert found.value.limit == limit and found.value.status == 422
    circle: list[Any] = []
    circle.append(circle)
    for bad in (circle, float("nan"), [float("-inf")], "\ud800", object()):
        with pytest.raises(AgentError) as failed:
            encode(bad, "it")
        assert failed.value.code == "not-json"
    for text in (b"1e999", b"NaN", b'"\\ud800"', b"\xff", b"[1,]", b"9" * 400 + b".0"):
        with pytest.raises(Rejected) as rejected:
            parse(text, "it")
        assert rejected.value.code == "bad-json"


def test_a_refused_frame_keeps_its_outermost_members() -> None:
    deep = "[" * 90 + "]" * 90
    frame = read(f'{{"type":"rpc","id":"a","seq":3,"args":{deep}}}')
    assert isinstance(frame, Refused) and isinstance(frame.error, LimitExceeded)
    assert frame == {"type": "rpc", "id": "a", "seq": 3, "args": None}
    assert number(f'{{"args":{deep},"type":"rpc","seq":3}}') == 3
    assert isinstance(read('{"type":"rpc","id":"a","args":[1e999]}'), Refused)
    assert read(f'{{"type":"mine","data":{deep}}}') is None
    assert read("{" * 5000) is None and number('"seq"' + "[" * 9000) is None
    assert read('{"type":"mine","data":[1e999]}') is None
