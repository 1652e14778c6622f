"""Cron against an oracle that walks minute by minute and says the clock rule in other words.

Of a zone's clock, watch the furthest wall time shown so far. At each minute the occurrences are the
matching wall times that it has just reached or jumped over.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from roost.author.schedule import Cron, next_due, spec_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def occurrences(cron: Cron, start: datetime) -> Iterator[datetime]:
    """Instants (UTC) later than `start`."""
    spec, due = spec_of(cron, start.timestamp())
    while True:
        yield datetime.fromtimestamp(due, UTC)
        after = next_due(spec, due, due)
        assert after is not None
        assert after > due
        due = after


@dataclass(frozen=True)
class Field:
    text: str
    values: frozenset[int]


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> Field:
    every = range(low, high + 1)
    a, b = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, 12))
    return draw(
        st.sampled_from(
            [
                Field("*", frozenset(every)),
                Field(f"*/{step}", frozenset(every[::step])),
                Field(f"{a}", frozenset({a})),
                Field(f"{a},{b}", frozenset({a, b})),
                Field(f"{a}-{b}", frozenset(range(a, b + 1))),
                Field(f"{a}-{b}/{step}", frozenset({a} if a == b else range(a, b + 1, step))),
            ]
        ).filter(lambda field: a != b or "/" not in field.text or field.text[0] == "*")
    )


@dataclass(frozen=True)
class Expression:
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def __str__(self) -> str:
        return " ".join(f.text for f in (self.minute, self.hour, self.day, self.month, self.weekday))

    def on(self, day: date) -> bool:
        if day.month not in self.month.values:
            return False
        found = (day.day in self.day.values, day.isoweekday() % 7 in {d % 7 for d in self.weekday.values})
        both: Callable[[tuple[bool, bool]], bool] = all
        return both(found) if "*" in (self.day.text[0], self.weekday.text[0]) else any(found)

    def at(self, wall: datetime) -> bool:
        return wall.minute in self.minute.values and wall.hour in self.hour.values and self.on(wall.date())


def expressions() -> st.SearchStrategy[Expression]:
    return st.builds(Expression, fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 7))


def years_apart(expression: Expression) -> int:
    """The largest distance between years with an occurrence, from the day alone."""
    calm = calendar.Calendar()
    years = [2000] + [
        year
        for year in range(2001, 2057)
        if any(
            expression.on(day)
            for month in expression.month.values
            for day in calm.itermonthdates(year, month)
            if day.month == month
        )
    ]
    return max(b - a for a, b in zip(years, [*years[1:], 2057], strict=True))


@given(expressions(), st.integers(0, 4_000_000_000_000).map(lambda ms: EPOCH + timedelta(milliseconds=ms)))
def test_utc_against_a_scan(expression: Expression, start: datetime) -> None:
    try:
        cron = Cron(str(expression))
    except ValueError:
        assert years_apart(expression) > 8
        return
    wall = start.replace(second=0, microsecond=0) + MINUTE
    for found in islice(occurrences(cron, start), 5):
        while not expression.at(wall):
            wall += MINUTE
            if not expression.on(wall.date()):
                wall = wall.replace(hour=0, minute=0) + timedelta(days=1)
        assert found == wall
        wall += MINUTE


CHANGES = [  # each near a change of the clock, forward and back
    ("Europe/Paris", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Paris", datetime(2040, 10, 28, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 3, 22, 2, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
]


@given(expressions(), st.sampled_from(CHANGES), st.integers(-180, 180), st.integers(0, 59_999))
def test_clock_changes_against_a_walk(
    expression: Expression, change: tuple[str, datetime], minutes: int, ms: int
) -> None:
    tz, moment = change
    zone = ZoneInfo(tz)
    # The month and day would hide the change from most examples.
    wild = Field("*", frozenset(range(32)))
    expression = Expression(expression.minute, expression.hour, wild, wild, wild)
    now = moment + timedelta(minutes=minutes, milliseconds=ms)

    expected: list[datetime] = []
    instant = moment - timedelta(days=1)
    furthest = instant.astimezone(zone).replace(tzinfo=None)
    end = now + timedelta(days=1)
    while instant <= end:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        hit = False
        while furthest < wall:
            furthest += MINUTE
            hit = hit or expression.at(furthest)
        if hit and instant > now:
            expected.append(instant)
        instant += MINUTE
    cron = Cron(str(expression), tz)
    assert list(islice(occurrences(cron, now), len(expected))) == expected
    # Asked at any later moment, not only at an occurrence, the answer is the same.
    for at in (now + timedelta(minutes=n) for n in range(0, 360, 7)):
        later = [t for t in expected if t > at]
        assert list(islice(occurrences(cron, at), 1)) == later[:1] or not later
