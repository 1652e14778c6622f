"""Cron: fields, refusals, clock changes. Against an oracle: test_schedule_oracle.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from roost.author.schedule import Cron, next_due, spec_of


def occurrences(cron: Cron, start: datetime) -> Iterator[datetime]:
    """In the cron's zone, later than `start`."""
    spec, due = spec_of(cron, start.timestamp())
    while True:
        yield datetime.fromtimestamp(due, UTC).astimezone(ZoneInfo(cron.tz))
        after = next_due(spec, due, due)
        assert after is not None
        assert after > due
        due = after


def shown(cron: Cron, start: str, count: int) -> list[str]:
    first = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(cron.tz))
    return [f"{t:%m-%d %H:%M %z}" for t in islice(occurrences(cron, first), count)]


def days(expression: str, start: str, count: int) -> list[str]:
    first = datetime.fromisoformat(start).replace(tzinfo=UTC)
    return [f"{t:%Y-%m-%d}" for t in islice(occurrences(Cron(expression), first), count)]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("60 * * * *", "bad minute '60'; allowed: 0-59"),
        ("* 24 * * *", "bad hour '24'"),
        ("* * 0 * *", "bad day-of-month '0'"),
        ("* * * 13 *", "bad month '13'"),
        ("* * * * 8", "bad day-of-week '8'"),
        ("* * * * FRI-MON", "bad day-of-week 'FRI-MON'.*rising ranges"),
        ("*/0 * * * *", "bad minute"),
        ("\u0661 * * * *", "bad minute"),
        ("1" * 300 + " * * * *", "bad minute"),
        ("1," * 300 + "1 * * * *", "characters; the limit is 512"),
        ("0 0 * * * *", "six fields: seconds are not supported.*Every"),
        ("@daily", "needs five fields .*not 1"),
        ("", "needs five fields .*not 0"),
        ("0 0 30 2 *", "never fires.*day-of-month, month and day-of-week"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 */20 * 1L", "never fires"),
        ("0 0 * 2 MON#5", "not for 8 years in a row"),
        ("0 0 1 1 */7", "not for 8 years in a row"),  # 1 January on a Sunday: 2023, 2034
    ],
)
def test_a_bad_expression_says_what_is_wrong(expression: str, says: str) -> None:
    for _ in range(2):  # the check is cached; a refusal is not forgotten
        with pytest.raises(ValueError, match=says):
            Cron(expression)


@pytest.mark.parametrize(
    "tz", ["Europe/Atlantis", "Europe", "", "../UTC", "/etc/passwd", "a\0b", "localtime", "right/UTC"]
)
def test_a_bad_zone_says_what_to_do(tz: str) -> None:
    with pytest.raises(ValueError, match=r'unknown time zone.*"Europe/Paris".*tzdata'):
        Cron("0 9 * * *", tz=tz)


def test_types() -> None:
    wrong: Any = ZoneInfo("Europe/Paris")
    with pytest.raises(TypeError, match="tz is the name of an IANA zone"):
        Cron("0 9 * * *", wrong)
    with pytest.raises(TypeError, match="a cron expression is a str"):
        Cron(wrong)


def test_the_expression_is_kept_in_one_spelling() -> None:
    assert Cron("0  9 * jan mon-fri ", "UTC") == Cron("0 9 * JAN MON-FRI")


def test_calendar() -> None:
    assert days("0 0 29 2 *", "2023-01-01", 3) == ["2024-02-29", "2028-02-29", "2032-02-29"]
    assert days("0 0 29 2 *", "2096-02-29", 1) == ["2104-02-29"]  # 2100 is no leap year
    assert days("0 0 L * *", "2026-01-31", 3) == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert days("0 0 LW * *", "2026-01-31", 3) == ["2026-02-27", "2026-03-31", "2026-04-30"]
    assert days("0 0 * * 5L", "2026-01-01", 2) == ["2026-01-30", "2026-02-27"]
    assert days("0 0 * * MON#1", "2026-01-01", 2) == ["2026-01-05", "2026-02-02"]
    assert days("0 0 * * 0", "2026-01-01", 1) == days("0 0 * * 7", "2026-01-01", 1) == ["2026-01-04"]


def test_day_of_month_and_day_of_week() -> None:
    # Both given: either will do.
    assert days("0 0 10 * FRI", "2026-02-01", 4) == ["2026-02-06", "2026-02-10", "2026-02-13", "2026-02-20"]
    # One starts with a star: both must match.
    assert days("0 0 */2 * FRI", "2026-02-01", 3) == ["2026-02-13", "2026-02-27", "2026-03-13"]


HOWE = "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("tz", "expression", "start", "expected"),
    [
        ("Europe/Paris", "30 2 * * *", "2026-03-28T02:30", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("Europe/Paris", "30 2 * * *", "2026-10-24T02:30", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("Europe/Paris", "*/5 * * * *", "2026-03-29T01:55", ["03-29 03:00 +0200", "03-29 03:05 +0200"]),
        ("Europe/Paris", "*/5 * * * *", "2026-10-25T02:55", ["10-25 03:00 +0100", "10-25 03:05 +0100"]),
        ("America/New_York", "15,45 2 * * *", "2026-03-08T00:00", ["03-08 03:00 -0400", "03-09 02:15 -0400"]),
        ("America/New_York", "*/5 * * * *", "2026-03-08T01:55", ["03-08 03:00 -0400", "03-08 03:05 -0400"]),
        ("America/New_York", "0 * * * *", "2026-11-01T00:30", ["11-01 01:00 -0400", "11-01 02:00 -0500"]),
        ("America/New_York", "*/5 * * * *", "2026-11-01T01:55", ["11-01 02:00 -0500", "11-01 02:05 -0500"]),
        # Half an hour, in the southern spring and autumn.
        (HOWE, "*/15 * * * *", "2026-10-04T01:45", ["10-04 02:30 +1100", "10-04 02:45 +1100"]),
        (HOWE, "*/15 * * * *", "2026-04-05T01:45", ["04-05 02:00 +1030", "04-05 02:15 +1030"]),
        (HOWE, "10 2 * * *", "2026-10-04T00:00", ["10-04 02:30 +1100", "10-05 02:10 +1100"]),
        (HOWE, "40 1 * * *", "2026-04-05T00:00", ["04-05 01:40 +1100", "04-06 01:40 +1030"]),
        # 30 December 2011 was left out.
        ("Pacific/Apia", "0 9 30 12 *", "2011-12-29T00:00", ["12-31 00:00 +1400", "12-30 09:00 +1400"]),
    ],
)
def test_clock_changes(tz: str, expression: str, start: str, expected: list[str]) -> None:
    assert shown(Cron(expression, tz), start, len(expected)) == expected


def test_asked_inside_the_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    nightly = Cron("30 2 * * *", "Europe/Paris")
    change = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp()
    assert spec_of(nightly, change - 0.001)[1] == change
    assert spec_of(nightly, change)[1] == datetime(2026, 3, 30, 2, 30, tzinfo=paris).timestamp()
    again = datetime(2026, 10, 25, 2, 10, tzinfo=paris, fold=1)
    for cron in (nightly, Cron("0-40 2 * * *", "Europe/Paris")):
        assert next(occurrences(cron, again)).date() == date(2026, 10, 26)
    assert shown(Cron("*/5 * * * *", "Europe/Paris"), "2026-10-25T02:10:30", 1) == ["10-25 02:15 +0200"]
    assert f"{next(occurrences(Cron('*/5 * * * *', 'Europe/Paris'), again)):%H:%M %z}" == "03:00 +0100"


def test_late_runs_once_and_a_clock_behind_repeats_nothing() -> None:
    spec, due = spec_of(Cron("0 9 * * *"), 0.0)
    assert due == 9 * 3600
    assert next_due(spec, due, due + 3.5 * 86_400) == due + 4 * 86_400
    assert next_due(spec, due, due - 60) == due + 86_400
    assert next_due(spec, due, due + 86_399.9997) == due + 86_400
