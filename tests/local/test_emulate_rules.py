"""The emulator's rules as plain code: the table, and the ledger against a simple model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost import Agent, App, Limits, Rejected
from roost_local.emulate import PLATFORMS, Ending, Jitter, Ledger, rules_for


class Nobody(Agent):
    pass


def test_the_table() -> None:
    lambda_ = PLATFORMS["lambda"].capabilities
    assert (lambda_.frame_order, lambda_.http_stream, lambda_.connect_path, lambda_.close_code) == (False,) * 4
    assert (lambda_.sse_window, lambda_.idle_timeout, lambda_.max_connection) == (0.0, 600.0, 7200.0)
    assert PLATFORMS["lambda"].frame == 32 * 1024 and PLATFORMS["lambda"].gateway
    cloudflare = PLATFORMS["cloudflare"]
    assert cloudflare.capabilities.frame_order and not cloudflare.gateway
    for rules in PLATFORMS.values():
        assert rules.sources, "a platform's rule says where it is from"


def test_limits_that_a_platform_cannot_carry_are_refused() -> None:
    app = App([Nobody], limits=Limits(message_in=64 * 1024))
    assert rules_for("cloudflare", app) is PLATFORMS["cloudflare"]
    with pytest.raises(Rejected, match=r"lambda can't carry this app: .*message_in"):
        rules_for("lambda", app)
    with pytest.raises(Rejected, match="no platform 'azure'"):
        rules_for("azure", app)


def test_jitter_is_seeded() -> None:
    one, two, other = (Jitter(0.01, seed) for seed in (1, 1, 2))
    drawn = [one.delay() for _ in range(20)]
    assert drawn == [two.delay() for _ in range(20)] != [other.delay() for _ in range(20)]
    assert all(0 <= d < 0.01 for d in drawn)


Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(st.sampled_from(["open", "stir", "close", "due"]), st.integers(0, 4), st.integers(0, 15)), max_size=60
)
limits = st.sampled_from([None, 10.0, 25.0])


@given(steps, limits, limits)
def test_ledger_ends_what_is_idle_or_old(script: list[Step], idle: float | None, life: float | None) -> None:
    ledger: Ledger[int] = Ledger(idle, life)
    model: dict[int, tuple[float, float]] = {}
    now = 0.0
    for verb, who, passed in script:
        now += passed
        if verb == "open" and who not in model:
            ledger.opened(who, now)
            model[who] = (now, now)
        elif verb == "stir":
            ledger.stirred(who, now)
            if who in model:
                model[who] = (model[who][0], now)
        elif verb == "close":
            ledger.closed(who)
            model.pop(who, None)
        elif verb == "due":
            ended = ledger.due(now)
            over = {
                w for w, (born, stirred) in model.items()
                if (life is not None and now >= born + life) or (idle is not None and now >= stirred + idle)
            }  # fmt: skip
            assert {w for w, _ in ended} == over and len(ended) == len(over)
            assert all(ending == Ending(1001, "Going away") for _, ending in ended)
            for w in over:
                del model[w]
        times = [b + life for b, _ in model.values() if life is not None]
        times += [s + idle for _, s in model.values() if idle is not None]
        assert ledger.next() == min(times, default=None)
