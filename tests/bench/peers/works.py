"""The work: what is asked of each system, one after the other, and the figures it gives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..due import until_look
from ..figure import BenchFailed
from ..load import Report
from .process import ask, drive
from .system import NAMES, Absent, Load, System, Up

Figure = dict[str, float | str]

REST = 2.0
"""Seconds from the last of many connects to the first broadcast: what a connect sets off is not a broadcast's."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds and counts of a run."""

    rounds: int = 3
    seconds: float = 1.0
    warm: float = 0.3
    hearers: int = 1_000
    broadcasts: int = 6
    share: float = 1.0
    """Of the schedules, those that are armed."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a system is measured."""

    program: Path
    system: System
    up: Up
    pace: Pace


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on one system. `once` takes one round's figure; None: `absent` says why there is none."""

    name: str
    once: Callable[[], Figure] | None
    absent: str = ""
    rounds: int = 1


def prepare(field: Field) -> None:
    """Make every object that calls and asks are sent to: that costs a file here, a row there, and is not measured."""
    for load in (field.system.http, field.system.ask):
        if not isinstance(load, Absent):
            drive(field.program, field.up.port, load, names=NAMES, count=NAMES, connections=8, inflight=8, limit=60)
    if field.system.crowd and not isinstance(field.system.ws, Absent):
        drive(field.program, field.up.port, field.system.ws, names=NAMES, count=8, connections=field.system.sockets)


def rate(field: Field, load: Load, lanes: int) -> Figure:
    """Calls a second."""
    pace = field.pace
    told = {"names": NAMES, "connections": field.system.sockets if load.message else lanes, "inflight": lanes}
    seconds, warm = pace.seconds * field.system.longer, pace.warm * field.system.longer
    report = drive(field.program, field.up.port, load, **told, seconds=seconds, warm=warm, limit=60)
    if not report.count:
        raise BenchFailed(f"nothing was answered within {seconds} s")
    return {"value": report.rate, "unit": "1/s", "p50_ms": report.p50_ms, "p99_ms": report.p99_ms}


def fan(field: Field, load: Load) -> Figure:
    """Milliseconds from a message to each of many sockets of one agent, all open and at rest for two seconds."""
    pace = field.pace
    told: dict[str, float | str] = {"mode": "fan", "connections": pace.hearers, "settle": REST, "limit": 60}
    drive(field.program, field.up.port, load, rounds=1, **told)
    report = drive(field.program, field.up.port, load, rounds=pace.broadcasts, **told)
    return milliseconds(report) | {"sockets": pace.hearers}


def wake(field: Field) -> Figure:
    """A call of an object that has left memory; beside it the same call once more."""
    told = field.system.wake
    assert not isinstance(told, Absent)

    def once() -> Report:
        return drive(field.program, field.up.port, field.system.http, names=NAMES, count=NAMES, connections=1)

    once()
    before = ask(field.up.told, told.made) if told.made else 0
    time.sleep(told.idle)
    cold = once()
    if told.made and (made := ask(field.up.told, told.made) - before) < NAMES:
        raise BenchFailed(f"{made} of {NAMES} objects had left memory after {told.idle} s")
    return milliseconds(cold) | {"warm_ms": once().p50_ms}


def milliseconds(report: Report) -> Figure:
    return {"value": report.p50_ms, "unit": "ms", "p50_ms": report.p50_ms, "p99_ms": report.p99_ms}


def schedules(field: Field) -> Figure:
    """Many due at once: how late each began, and when all of them and a call made after them were durable."""
    told = field.system.schedules
    assert not isinstance(told, Absent)
    count = max(10, math.ceil(told.count * field.pace.share))

    def arm(due: float, first: int, count: int) -> float:
        options = {"first": first, "names": count, "count": count, "connections": 32, "inflight": 32, "limit": 300}
        return drive(field.program, field.up.port, told.arm(due), **options).rate

    hour = (time.time() + 3600) * 1000
    requests = math.ceil(count / told.each)
    count = requests * told.each
    pace = arm(hour, requests, max(5, requests // 20))  # others, that are not due while we look
    due = (time.time() + 1.4 * requests / pace + 3) * 1000
    arm(due, 0, requests)
    if time.time() * 1000 > due:
        raise BenchFailed(f"{count} schedules were not armed in time, though requests were answered at {pace:.0f}/s")
    time.sleep(max(0.0, due / 1000 - time.time()))
    late: list[float] = []
    while len(late) < count:
        time.sleep(until_look(time.time() - due / 1000, len(late), count))
        if time.time() > due / 1000 + 120:
            raise BenchFailed(f"{len(late)} of {count} schedules ran within two minutes")
        answer = ask(field.up.told, told.late[1], told.late[0], '{"args":[]}' if told.late[0] == "POST" else None)
        late = list(answer if told.late[0] == "GET" else answer["result"])
    drive(field.program, field.up.port, field.system.http, names=1, count=1, connections=1)
    done = time.time() * 1000 - due
    if len(late) > count:
        raise BenchFailed(f"{count} schedules ran {len(late)} times")
    late.sort()
    return {
        "value": done, "unit": "ms", "p50_ms": late[count // 2], "p99_ms": late[int(count * 0.99)],
        "first_ms": late[0], "last_ms": late[-1], "count": count, **({"why": told.why} if told.why else {}),
    }  # fmt: skip


def works(field: Field) -> list[Work]:
    """In the order of the table."""
    s, rounds = field.system, field.pace.rounds

    def maybe(name: str, load: Load | Absent, measure: Callable[[Load], Figure], rounds: int = rounds) -> Work:
        if isinstance(load, Absent):
            return Work(name, None, str(load))
        if s.crowd and name.endswith(".32"):
            return Work(name, None, s.crowd)
        return Work(name, lambda: measure(load), rounds=rounds)

    return [
        maybe("call.http.1", s.http, lambda load: rate(field, load, 1)),
        maybe("call.http.32", s.http, lambda load: rate(field, load, 32)),
        maybe("call.ws.1", s.ws, lambda load: rate(field, load, 1)),
        maybe("call.ws.32", s.ws, lambda load: rate(field, load, 32)),
        maybe("ask.1", s.ask, lambda load: rate(field, load, 1)),
        maybe("ask.32", s.ask, lambda load: rate(field, load, 32)),
        maybe("fan", s.fan, lambda load: fan(field, load)),
        Work("wake", None, str(s.wake)) if isinstance(s.wake, Absent) else Work("wake", lambda: wake(field)),
        Work("schedules", None, str(s.schedules))
        if isinstance(s.schedules, Absent)
        else Work("schedules", lambda: schedules(field)),
    ]
