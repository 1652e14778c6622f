"""Schedules: when something is due, as arithmetic. The clock, the table and the alarm live elsewhere.

Instants are whole milliseconds since the epoch (UTC) inside, float seconds outside, so a grid never drifts.
Local time is cronsim's calendar over naive wall time, and one rule of ours maps it to an instant: a wall
time is due *at the first instant whose local clock shows it or a later time*. So the times inside a gap
collapse into the first valid instant after it, and the times of an overlap count once, in the first pass.
(cronsim's own handling follows Debian: jobs with a wildcard minute or hour run in both passes.)

cronsim and zoneinfo are imported inside functions: most agents never need them, and every start pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic_core import from_json

MIN_INTERVAL: Final = 0.01
"""Seconds; the shortest `Every`. Below it the wake itself costs more than the wait."""
HORIZON: Final = 10 * 366 * 86_400
"""Seconds, 10 years; nothing is scheduled further ahead."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)
_CRON_LENGTH: Final = 512
_CRON_YEARS: Final = 8  # 29 February can be 8 years away: 2096, 2104
_FIELDS: Final = (
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day-of-month", "1-31, L for the last day, LW for the last weekday"),
    ("month", "1-12 or JAN-DEC"),
    ("day-of-week", "0-7 or SUN-SAT, 0 and 7 are Sunday, 5L for the last Friday, MON#1 for the first Monday"),
)
# Names in some systems' zone folders that mean another thing on another host, or count leap seconds.
_HOST_ZONES: Final = ("localtime", "posixrules", "posix/", "right/")


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields (minute hour day-of-month month day-of-week) on the wall clock of an IANA zone.

    If day-of-month or day-of-week starts with `*`, both must match, else either will do (Debian's cron).
    A time skipped by a clock change runs at the first instant after; a repeated time runs once, the first,
    so even `*/5 * * * *` is silent for the repeated hour: use UTC or `Every` where the pace matters.
    ValueError: a bad field, an unknown zone, seconds, or 8 years in a row without an occurrence.
    """

    expression: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        _need_str(self.expression, 'a cron expression is a str such as "0 9 * * *"')
        _need_str(self.tz, 'tz is the name of an IANA zone such as "Europe/Paris"')
        object.__setattr__(self, "expression", _canonical(self.expression))
        _check_cron(self.expression)
        _zone(self.tz)


@dataclass(frozen=True, slots=True, init=False)
class Every:
    """A fixed interval: the sum of its parts in `seconds`, rounded to whole milliseconds.

    The first occurrence is one interval from now. ValueError under 0.01 s or over 10 years.
    """

    seconds: float

    def __init__(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        for part in (seconds, minutes, hours, days):
            _need_number(part, "the parts of Every are numbers")
        try:
            total = float(seconds + minutes * 60 + hours * 3_600 + days * 86_400)
        except OverflowError:
            total = float("inf")
        if not MIN_INTERVAL <= total <= HORIZON:  # False for NaN too
            raise ValueError(
                f"an interval is from {MIN_INTERVAL} s to 10 years, not {total} s: say for example "
                "Every(30), in seconds, or Every(minutes=5)"
            )
        object.__setattr__(self, "seconds", _ms(total) / 1000)


When: TypeAlias = float | int | timedelta | datetime | Cron | Every
"""A delay (seconds or timedelta), an instant (aware datetime), or a repetition (`Cron`, `Every`)."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What is stored of a `When`; equal specs are the same schedule. Made by `spec_of` and `Spec.load`."""

    kind: Literal["at", "every", "cron"]
    ms: int = 0
    """at: the due time, milliseconds since the epoch. every: the interval, milliseconds. cron: 0."""
    expression: str = ""
    tz: str = ""

    def dump(self) -> dict[str, str | int]:
        """JSON-ready: {kind, ms} or {kind, expression, tz}."""
        if self.kind == "cron":
            return {"kind": self.kind, "expression": self.expression, "tz": self.tz}
        return {"kind": self.kind, "ms": self.ms}

    @classmethod
    def load(cls, raw: Mapping[str, object]) -> Spec:
        """The inverse of `dump`. Checks the shape only, so that a stored cron loads without its zone.

        ValueError: an unknown kind, a missing or malformed field.
        """
        match raw:
            case {"kind": "at", "ms": int(ms)} if not isinstance(ms, bool):
                return cls("at", ms)
            case {"kind": "every", "ms": int(ms)} if not isinstance(ms, bool) and ms > 0:
                return cls("every", ms)
            case {"kind": "cron", "expression": str(expression), "tz": str(tz)}:
                return cls("cron", 0, expression, tz)
            case {"kind": "at" | "every" | "cron"}:
                raise ValueError(f"a malformed schedule spec: {dict(raw)!r}")
            case _:
                raise ValueError(f"a schedule spec of unknown kind: {raw.get('kind')!r}")


class UnknownZone(ValueError):
    """This host has no such time zone; another may."""


def check(spec: Spec) -> None:
    """UnknownZone: another host knows when the next occurrence is. ValueError: a stored spec that none can read."""
    if spec.kind == "cron":
        _check_cron(spec.expression)
        _zone(spec.tz)


@lru_cache(maxsize=1024)
def parsed(raw: bytes) -> Spec:
    """`Spec.load` of the stored bytes; the last ones are remembered, as many agents wait for the same instant."""
    found: Any = from_json(raw)
    if not isinstance(found, dict):
        raise ValueError("a schedule spec is an object")
    return Spec.load(cast("dict[str, object]", found))


def spec_of(when: When, now: float) -> tuple[Spec, float]:
    """The stored form of `when` and its first due time; both times are UTC epoch seconds, due to the ms.

    TypeError: not a `When`, or a naive datetime. ValueError: negative, not finite, over 10 years ahead.
    """
    if isinstance(when, Cron):
        spec = Spec("cron", 0, when.expression, when.tz)
        return spec, _next_cron(spec, _floor_ms(now)) / 1000
    if isinstance(when, Every):
        spec = Spec("every", _ms(when.seconds))
        return spec, (_ceil_ms(now) + spec.ms) / 1000
    due = _due_at(when, now)
    return Spec("at", due), due / 1000


def same(a: Spec, b: Spec) -> bool:
    """Whether scheduling `b` over `a` changes nothing: the same instant, interval, or expression and zone.

    A delay is stored as its instant, so the same delay said later is another spec: it restarts the countdown.
    """
    return a == b


def next_due(spec: Spec, due: float, now: float) -> float | None:
    """The occurrence after the one due at `due`, later than `now` (UTC epoch seconds); None: there is none.

    Missed occurrences are skipped: an interval keeps the grid of `due`, a cron its calendar.
    ValueError: a stored cron this process can't read (no such zone any more).
    """
    after = max(_ms(due), _floor_ms(now))  # the grid is of whole milliseconds: a `due` between two is the nearer one
    match spec.kind:
        case "at":
            return None
        case "every":
            start = _ms(due)
            return (start + ((after - start) // spec.ms + 1) * spec.ms) / 1000
        case "cron":
            return _next_cron(spec, after) / 1000


def _kind(value: object) -> str:
    return type(value).__name__


# The annotations bind a type checker, not a caller.
def _need_str(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what}, not {_kind(value)}")


def _need_number(value: object, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}, not {_kind(value)}")


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _floor_ms(seconds: float) -> int:
    """The last whole millisecond that is not after `seconds`, exactly."""
    ms = _ms(seconds)
    return ms - 1 if ms / 1000 > seconds else ms


def _ceil_ms(seconds: float) -> int:
    """The first whole millisecond that is not before `seconds`: rounded down, a schedule would ring early. Clocks
    count microseconds, so less than one is the arithmetic's."""
    ms = _ms(seconds)
    return ms + 1 if ms / 1000 < seconds - 1e-6 else ms


def _due_at(when: object, now: float) -> int:
    """Milliseconds since the epoch of a delay or an instant."""
    if isinstance(when, datetime):
        if when.utcoffset() is None:
            raise TypeError(
                f"{when!r} is naive, so it names no instant: add a zone, for example "
                'datetime(..., tzinfo=ZoneInfo("Europe/Paris")) or tzinfo=UTC'
            )
        due = -((_EPOCH - when) // _MS)  # rounded up
        _within_horizon(due / 1000 - now)
        return due
    if isinstance(when, timedelta):
        when = when.total_seconds()
    if isinstance(when, bool) or not isinstance(when, int | float):
        raise TypeError(f"when is a delay (seconds or timedelta), an aware datetime, Cron or Every, not {_kind(when)}")
    if when != when or when in (float("inf"), float("-inf")):
        raise ValueError(f"a delay is a finite number of seconds, not {when}")
    if when < 0:
        raise ValueError("a delay can't be negative: use 0 for at once")
    _within_horizon(when)
    return _ceil_ms(now + when)


def _within_horizon(delay: float) -> None:
    if delay > HORIZON:
        raise ValueError("a schedule is at most 10 years ahead: schedule nearer, and again from there")


def _canonical(expression: str) -> str:
    return " ".join(expression.upper().split())


@lru_cache(maxsize=256)
def _check_cron(expression: str) -> None:
    from cronsim import CronSim, CronSimError

    said = f"cron {expression[:80]!r}"
    fields = expression.split()
    if len(expression) > _CRON_LENGTH:
        raise ValueError(f"{said}... has {len(expression)} characters; the limit is {_CRON_LENGTH}")
    if len(fields) == 6:
        raise ValueError(f"{said} has six fields: seconds are not supported; drop them, or use Every(...)")
    if len(fields) != 5:
        raise ValueError(
            f"{said} needs five fields (minute hour day-of-month month day-of-week), not {len(fields)}, "
            'for example "0 9 * * MON-FRI"'
        )
    for i, field in enumerate(fields):
        alone = ["*"] * 5
        alone[i] = field
        try:
            CronSim(" ".join(alone), datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError:
            name, allowed = _FIELDS[i]
            raise ValueError(
                f"{said}: bad {name} {field[:80]!r}; allowed: {allowed}; *, lists 1,2, rising ranges 1-5, steps */2"
            ) from None
    # 28 years hold every pairing of leap year and weekday; no clock is asked, so the answer stays.
    year = 2000
    while year < 2028:
        try:
            first = next(CronSim(expression, datetime(year, 12, 31, 23, 59, tzinfo=UTC))).year
        except (CronSimError, StopIteration):
            first = 9999
        if first - year > _CRON_YEARS:
            raise ValueError(
                f"{said} never fires, or not for {_CRON_YEARS} years in a row: check that day-of-month, "
                "month and day-of-week can meet"
            )
        year = first


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # works where there is no zone data at all
        return UTC
    from zoneinfo import ZoneInfo

    try:
        if name.startswith(_HOST_ZONES):
            raise ValueError(name)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UnknownZone(
            f'unknown time zone {name[:80]!r}: use an IANA name such as "Europe/Paris"; '
            "if the name is right, install the package `tzdata`"
        ) from None


def _next_cron(spec: Spec, after: int) -> int:
    """The first occurrence later than `after`; milliseconds since the epoch."""
    from cronsim import CronSim, CronSimError

    zone = _zone(spec.tz)
    start = (_EPOCH + after * _MS).astimezone(zone).replace(tzinfo=None, fold=0)
    try:
        # In the second pass of an overlap the first candidates are past: their turn was the first pass.
        for wall in CronSim(spec.expression, start):
            due = (_instant(wall, zone) - _EPOCH) // _MS
            if due > after:
                return due
    except CronSimError as error:
        raise ValueError(f"cron {spec.expression!r}: {error}") from None
    raise ValueError(f"cron {spec.expression!r} never fires")


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant (UTC) whose clock in `zone` shows `wall` or later."""
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    # In a gap: fold 0 lies after the change, fold 1 before it (PEP 495). The change is between them.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late
