"""Which of a tick's outbound requests share an Idempotency-Key (rule 5)."""

from __future__ import annotations

import pytest

from roost.tick.outbound import Keys

SENT = ("POST", "https://shop.invalid/charge", b'{"n": 1}')


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 503])
def test_a_failed_request_keeps_its_key(status: int | None) -> None:
    keys = Keys("a", list)
    assert keys.key(*SENT) == "a/1"
    keys.ended("a/1", status)
    assert keys.key("POST", SENT[1], b"other") == "a/2" and keys.key("PUT", *SENT[1:]) == "a/3"
    assert keys.key(*SENT) == "a/1" and keys.key(*SENT) == "a/4", "a key was used by two requests at once"


@pytest.mark.parametrize("status", [200, 302, 400, 404, 409])
def test_after_an_answer_the_same_request_is_a_new_one(status: int) -> None:
    keys = Keys("a", list)
    keys.ended(keys.key(*SENT) or "", status)
    assert keys.key(*SENT) == "a/2"


def test_a_conflict_of_a_repeated_key_is_the_first_try_still_under_way() -> None:
    keys = Keys("a", list)
    for status in (None, 409, 409):
        assert keys.key(*SENT) == "a/1"
        keys.ended("a/1", status)
    assert keys.key(*SENT) == "a/1"


def test_requests_at_once_get_their_own_keys_back() -> None:
    keys = Keys("a", list)
    assert [keys.key(*SENT) for _ in range(3)] == ["a/1", "a/2", "a/3"]
    keys.ended("a/3", 503)
    keys.ended("a/3", None)  # and its body broke
    keys.ended("a/1", None)
    assert [keys.key(*SENT) for _ in range(3)] == ["a/3", "a/1", "a/4"]


def test_what_can_not_be_compared_is_never_the_same() -> None:
    keys = Keys("a", list)
    keys.ended(keys.key("POST", SENT[1], None) or "", None)
    keys.ended("the author's own", None)
    assert keys.key("POST", SENT[1], None) == "a/2"
    assert Keys(None, list).key(*SENT) is None
