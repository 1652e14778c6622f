"""Operators: what is read from the environment, and what is refused at the start."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from roost import Caller, Rejected
from roost.author.refused import REFUSALS, Refusals
from roost.contract.operators import LENGTH, Operators, may_change, weakness

STRONG = ["a-strong-token-0123456789", "another-strong-token-0123", "third-strong-token-012345"]


def read(token: str | None = None, named: Any = None) -> Operators:
    given = {} if token is None else {"ROOST_ADMIN_TOKEN": token}
    if named is not None:
        given["ROOST_OPERATORS"] = named if isinstance(named, str) else json.dumps(named)
    return Operators.from_environment(given)


def test_one_token_is_the_operator_admin() -> None:
    found = read(STRONG[0])
    assert found.who(STRONG[0]) == found.who(STRONG[0].encode()) == Caller("admin", source="operator")
    for wrong in ("", STRONG[0][:-1], STRONG[0] + "x", STRONG[0].upper(), "é", "\udcff"):
        assert found.who(wrong) is None
    assert not read() and not read("") and not read(None, " ") and read().who("") is None
    assert STRONG[0] not in repr(found) and "admin" in repr(found)


def test_named_operators_have_roles_and_several_tokens() -> None:
    digest = f"sha256:{sha256(STRONG[2].encode()).hexdigest()}"
    found = read(
        STRONG[0],
        {
            "ann": {"tokens": [STRONG[1], digest], "role": "operate"},
            "bob": {"tokens": ["b" + STRONG[1]], "role": "read"},
        },
    )
    ann, bob = found.who(STRONG[1]), found.who("b" + STRONG[1])
    assert ann == found.who(STRONG[2]) == Caller("ann", source="operator")
    assert bob == Caller("bob", source="operator", roles=("read",))
    assert may_change(ann) and not may_change(bob) and may_change(None) and may_change(Caller("x", roles=("read",)))
    assert found.who(digest) is None, "a digest is no token"
    assert found.who(STRONG[0]) == Caller("admin", source="operator")
    assert read(STRONG[0], {"admin": {"tokens": STRONG[1:2], "role": "operate"}}).who(STRONG[1]) == found.who(STRONG[0])


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("t", "it has 1 characters"), ("a" * (LENGTH - 1), "19 characters"), ("a" * 64, "1 different"),
        ("ab" * 20, "2 different"), ("strong enough but spaces 0123", "can't carry"),
        ("strong-enough-but-é-0123", "can't carry"),
    ],
)  # fmt: skip
def test_a_token_that_can_be_guessed_is_refused_with_what_to_do(token: str, why: str) -> None:
    for given in ((token, None), (None, {"ann": {"tokens": [token], "role": "read"}})):
        with pytest.raises(Rejected) as caught:
            read(*given)
        assert caught.value.code == "bad-config" and why in caught.value.message
        assert "token_urlsafe" in caught.value.message and (len(token) < 5 or token not in caught.value.message)
    assert weakness(STRONG[0]) is None


@pytest.mark.parametrize(
    "given",
    [
        "{", "[]", "1", {"ann": []}, {"ann": {}}, {"ann": {"tokens": STRONG}},
        {"ann": {"tokens": STRONG, "role": "root"}},
        {"ann": {"tokens": [], "role": "read"}}, {"ann": {"tokens": STRONG[0], "role": "read"}},
        {"ann": {"tokens": STRONG * 2, "role": "read"}}, {"ann": {"tokens": [1], "role": "read"}},
        {"ann": {"tokens": STRONG, "role": "read", "x": 1}}, {"a b": {"tokens": STRONG, "role": "read"}},
        {"ann": {"tokens": STRONG[:1], "role": "read"}, "bob": {"tokens": STRONG[:1], "role": "operate"}},
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_and_no_token_is_shown(given: Any) -> None:
    with pytest.raises(Rejected, match="ROOST_OPERATORS") as caught:
        read(None, given)
    assert caught.value.code == "bad-config" and not any(token in caught.value.message for token in STRONG)


def test_refusals_in_a_row_stand_for_all() -> None:
    refusals = Refusals()
    assert [refusals.next(float(n) / 100) for n in range(REFUSALS)] == [0] * REFUSALS
    assert [refusals.next(10.0) for _ in range(100)] == [None] * 100
    assert refusals.next(70.0) == 100 and refusals.next(70.0) == 0
