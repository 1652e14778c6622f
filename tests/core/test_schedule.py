"""Delays, instants and intervals; the stored form; what each refusal says. Cron: test_schedule_cron.py."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import roost.author.schedule
from roost.author.schedule import HORIZON, Cron, Every, Spec, When, next_due, same, spec_of

NOW = 1_790_000_000.25

instants = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)
intervals = st.integers(10, HORIZON * 1000).map(lambda ms: ms / 1000)


@pytest.mark.parametrize(
    ("when", "due"),
    [
        (0, NOW),
        (90, NOW + 90),
        (0.0104, NOW + 0.011),  # never early: rounded up
        (datetime(2027, 1, 1, 0, 0, 0, 1, tzinfo=UTC), 1_798_761_600.001),
        (timedelta(hours=3), NOW + 10_800),
        (datetime(2027, 1, 1, tzinfo=UTC), 1_798_761_600.0),
        (datetime(2027, 1, 1, 1, tzinfo=ZoneInfo("Europe/Paris")), 1_798_761_600.0),
        (datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC), 1_000_000_000.0),
        (datetime(1960, 1, 1, tzinfo=UTC), -315_619_200.0),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), -62_135_647_200.0),
    ],
)
def test_once(when: When, due: float) -> None:
    spec, first = spec_of(when, NOW)
    assert (spec, first) == (Spec("at", round(due * 1000)), due)
    assert next_due(spec, first, max(first, NOW)) is None


def test_the_second_pass_of_an_overlap_is_its_own_instant() -> None:
    paris = ZoneInfo("Europe/Paris")
    _, first = spec_of(datetime(2026, 10, 25, 2, 30, tzinfo=paris), NOW)
    _, second = spec_of(datetime(2026, 10, 25, 2, 30, tzinfo=paris, fold=1), NOW)
    assert second - first == 3600


@pytest.mark.parametrize(
    ("when", "error", "says"),
    [
        (-1, ValueError, "negative: use 0"),
        (-(10**400), ValueError, "negative"),
        (timedelta(seconds=-1), ValueError, "negative"),
        (float("nan"), ValueError, "finite"),
        (float("inf"), ValueError, "finite"),
        (float("-inf"), ValueError, "finite"),
        (10**400, ValueError, "10 years"),
        (HORIZON + 1, ValueError, "10 years"),
        (timedelta.max, ValueError, "10 years"),
        (datetime.max.replace(tzinfo=UTC), ValueError, "10 years"),
        (datetime(2027, 1, 1, tzinfo=UTC).replace(tzinfo=None), TypeError, "naive.*add a zone"),
        (True, TypeError, "not bool"),
        ("60", TypeError, "not str"),
        (None, TypeError, "not NoneType"),
        (date(2027, 1, 1), TypeError, "not date"),
    ],
)
def test_refusals(when: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        spec_of(when, NOW)


def test_an_interval_is_the_sum_of_its_parts() -> None:
    assert Every(1.5, minutes=1, hours=1, days=1) == Every(90_061.5)
    assert Every(60) == Every(minutes=1)
    assert Every(hours=1, minutes=-5).seconds == 3300.0
    assert Every(0.0106).seconds == 0.011


@pytest.mark.parametrize("seconds", [0, -1, 0.0099, float("nan"), float("inf"), HORIZON + 1, 10**400])
def test_an_interval_has_bounds(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"from 0.01 s to 10 years.*Every\(minutes=5\)"):
        Every(seconds)


@pytest.mark.parametrize("part", [True, "5", timedelta(1), None])
def test_a_part_is_a_number(part: Any) -> None:
    with pytest.raises(TypeError, match="parts of Every are numbers, not"):
        Every(hours=part)


@pytest.mark.parametrize("value", [Every(minutes=5), Cron("0 9 * * *", "Europe/Paris"), Spec("at", 5)])
def test_values_copy_and_pickle(value: Every | Cron | Spec) -> None:
    assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == dataclasses.replace(value) == value
    assert hash(value) == hash(copy.copy(value))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "x")


def test_every_starts_one_interval_from_now_and_keeps_its_grid() -> None:
    spec, due = spec_of(Every(10), NOW)
    assert due == NOW + 10
    assert spec_of(Every(10), 100.12345)[1] == 110.124
    assert next_due(spec, due, due) == NOW + 20
    assert next_due(spec, due, due + 9.999) == NOW + 20
    assert next_due(spec, due, due + 10) == NOW + 30
    assert next_due(spec, due, due + 3601) == NOW + 3620  # late: once, then the grid
    assert next_due(spec, due, due - 500) == NOW + 20  # a clock behind does not repeat the occurrence


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.0004, 0.0005, 0.0006, 0.0008, 0.0009])
def test_a_time_between_two_milliseconds_does_not_ring_twice(part: float) -> None:
    """As an import may hold one: the nearer millisecond is what it was due at."""
    due = NOW + part
    for spec in (spec_of(Every(hours=1), NOW)[0], Spec("cron", expression="* * * * *", tz="UTC")):
        found = next_due(spec, due, due)
        assert found is not None and found > due + 0.001, f"{found} is the instant that {due} was"


def test_every_sees_a_grid_point_less_than_a_millisecond_away() -> None:
    spec, due = spec_of(Every(1), 100.0)
    assert next_due(spec, due, 101.9997) == 102.0
    assert next_due(spec, due, 102.0003) == 103.0


def test_every_does_not_drift() -> None:
    spec, first = spec_of(Every(0.1), NOW)
    due = first
    for _ in range(100_000):
        due = next_due(spec, due, due) or 0
    assert (first, due) == (1_790_000_000.35, 1_790_010_000.35)
    assert next_due(spec, first, 2_090_000_000.4) == 2_090_000_000.45  # 3 billion steps at once


@given(intervals, instants, st.floats(0, 4e9))
def test_every_is_the_first_grid_point_after_now(interval: float, due: float, now: float) -> None:
    spec, _ = spec_of(Every(interval), 0)
    result = next_due(spec, due, now)
    assert result is not None
    assert result > max(now, due)
    steps, rest = divmod(round(result * 1000) - round(due * 1000), spec.ms)
    assert rest == 0
    before = (round(due * 1000) + (steps - 1) * spec.ms) / 1000
    assert before <= now or before <= due


@given(st.one_of(intervals, intervals.map(lambda s: timedelta(seconds=s))), instants)
def test_a_due_time_is_whole_milliseconds(delay: float | timedelta, now: float) -> None:
    spec, due = spec_of(delay, now)
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    assert due == spec.ms / 1000
    assert round(due * 1000) == spec.ms
    assert abs(due - (now + seconds)) < 0.001


def test_same() -> None:
    def spec(when: When, now: float = NOW) -> Spec:
        return spec_of(when, now)[0]

    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert same(spec(noon), spec(noon.astimezone(ZoneInfo("Asia/Tokyo")), NOW + 5))
    assert not same(spec(noon), spec(noon + timedelta(seconds=1)))
    assert not same(spec(60), spec(60, NOW + 5))  # the same delay later restarts the countdown
    assert same(spec(Every(60)), spec(Every(minutes=1), NOW + 5))
    assert not same(spec(Every(60)), spec(Every(61)))
    assert not same(spec(Every(60)), Spec("at", 60_000))
    assert same(spec(Cron("0 9 * * mon")), spec(Cron(" 0  9 *\t* MON "), NOW + 5))
    assert not same(spec(Cron("0 9 * * *")), spec(Cron("0 9 * * *", "Europe/Paris")))


@pytest.mark.parametrize(
    ("when", "stored"),
    [
        (datetime(2027, 1, 1, tzinfo=UTC), {"kind": "at", "ms": 1_798_761_600_000}),
        (Every(0.25), {"kind": "every", "ms": 250}),
        (
            Cron("0 9 * * *", tz="Europe/Paris"),
            {"kind": "cron", "expression": "0 9 * * *", "tz": "Europe/Paris"},
        ),
    ],
)
def test_the_stored_form(when: When, stored: dict[str, object]) -> None:
    spec, _ = spec_of(when, NOW)
    assert spec.dump() == stored
    assert Spec.load(json.loads(json.dumps(spec.dump()))) == spec


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ({"kind": "sunrise", "ms": 5}, "unknown kind: 'sunrise'"),
        ({}, "unknown kind: None"),
        ({"kind": "at"}, "malformed"),
        ({"kind": "at", "ms": 1.5}, "malformed"),
        ({"kind": "at", "ms": True}, "malformed"),
        ({"kind": "every", "ms": 0}, "malformed"),
        ({"kind": "every", "ms": True}, "malformed"),
        ({"kind": "cron", "expression": "0 9 * * *"}, "malformed"),
    ],
)
def test_what_does_not_load(stored: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Spec.load(stored)


def test_a_stored_cron_loads_without_its_zone_and_says_so_when_asked() -> None:
    spec = Spec.load({"kind": "cron", "expression": "0 9 * * *", "tz": "Europe/Atlantis"})
    with pytest.raises(ValueError, match="unknown time zone 'Europe/Atlantis'"):
        next_due(spec, NOW, NOW)
    spec = Spec.load({"kind": "cron", "expression": "0 99 * * *", "tz": "UTC"})
    with pytest.raises(ValueError, match="0 99"):
        next_due(spec, NOW, NOW)
    spec = Spec.load({"kind": "cron", "expression": "* * */20 * 1L", "tz": "UTC"})
    with pytest.raises(ValueError, match="never fires"):
        next_due(spec, NOW, NOW)


def test_the_import_is_light() -> None:
    # By path: the rule is about this module, whatever the package around it loads.
    code = """if True:
        import importlib.util, sys
        found = importlib.util.spec_from_file_location("schedule", sys.argv[1])
        sys.modules["schedule"] = module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        module.spec_of(module.Every(5), 0)
        assert not {"cronsim", "zoneinfo"} & set(sys.modules)
    """
    path = Path(roost.author.schedule.__file__)
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
