"""What is accepted by any door reads back equal, whatever the field and the value. `-m long`: on every backend."""

from __future__ import annotations

import pytest

from .__main__ import fuzz
from .family import AGENTS, MODELS, REFUSED

LIVES = 600
"""About a minute."""


def test_models_are_taken_or_refused_by_name() -> None:
    assert set(AGENTS) | set(REFUSED) == set(MODELS)
    assert len(AGENTS) >= 40
    unnamed = {
        name: why for name, why in REFUSED.items() if "Fuzz" not in why and "State_" not in why and "Shaped" not in why
    }
    assert not unnamed


@pytest.mark.parametrize("first", [0, 1_000_000])
def test_nothing_accepted_is_lost_changed_or_unreadable(first: int) -> None:
    assert fuzz("here", LIVES // 2, 12, first, None) >= LIVES // 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("backend", "lives"), [("here", 20_000), ("memory", 2000), ("local", 2000), ("cloudflare", 300), ("lambda", 60)]
)
def test_at_length(backend: str, lives: int) -> None:
    assert fuzz(backend, lives, 12, 2_000_000, None) >= lives
