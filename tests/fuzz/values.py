"""Values that callers send: what a field is made for, and what it is not."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from pydantic import TypeAdapter

from .family import MODELS

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""Lone surrogates and control characters too."""
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT
    | st.sampled_from([0, -0.0, 1e16, 2**53 + 1, -(2**63), 2**64, 10**400, 5e-324, "",
                      " ", "\0", "\x1b[31m", "é", "e\u0301"])
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def _nested(depth: int, shape: tuple[str, str]) -> str:
    return shape[0] * depth + "1" + shape[1] * depth


DEEP = st.builds(
    _nested,
    st.sampled_from([2, 30, 38, 39, 40, 41, 50, 100, 198, 199, 200, 250, 255, 256, 1000, 5000]),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"k":', "}]")]),
)
ODD = st.sampled_from([
    "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" * 5000, "0.1e-400", '"\\ud800"', '"\\u0000"',
    '{"a":1,"a":2}', '{"__proto__":{"x":1}}', '{"self":1}', "[" * 20, "", "tru", "01", '"\t"', "1" + "0" * 400,
    '"' + "x" * 200_000 + '"', "[" + "0," * 60_000 + "0]",
])  # fmt: skip


def text(value: Any) -> str:
    """The value as JSON, NaN and Infinity as Python writes them."""
    return json.dumps(value)


NONE: st.SearchStrategy[str] = st.nothing()


@cache
def fitting(name: str) -> st.SearchStrategy[str]:
    """JSON that the field `x` of this model takes."""
    if name == "root":  # hypothesis makes what its own validator refuses
        return st.lists(st.integers(), max_size=4).map(text)
    field = MODELS[name].model_fields["x"]
    annotation: Any = field.rebuild_annotation()
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    try:
        strategy = st.from_type(annotation)
        strategy.example  # noqa: B018  # resolves lazily: a type that has no strategy says so below
        strategy.validate()
    except (HypothesisException, TypeError):
        return NONE

    def dump(value: Any) -> str:
        try:
            return adapter.dump_json(value, warnings=False).decode()
        except Exception:  # a value of a kind that JSON has not
            return "null"

    return strategy.map(dump)


def values(name: str) -> st.SearchStrategy[str]:
    """JSON text, valid or not, for the field `x` of this model."""
    made = fitting(name)
    hostile = st.one_of(JSON.map(text), DEEP, ODD)
    return hostile if made.is_empty else st.one_of(made, made, hostile)
