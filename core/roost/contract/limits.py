"""The portable limits: the same named error on every backend, chosen as the narrowest that any platform has.

`roost limits` prints this table; an app may raise one with its eyes open (`App(limits=...)`), and `roost
check` then says which backends it has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any, Final

KIB: Final = 1024


def _limit(default: float, unit: str, source: str, **backends: float) -> Any:
    """A limit with where it comes from and what each backend alone would allow."""
    return field(default=default, metadata={"unit": unit, "source": source, "backends": backends})


def _fixed(value: int, unit: str, source: str) -> Any:
    """A limit that no app can move: a property of what writes and reads values."""
    return field(default=value, metadata={"unit": unit, "source": source, "backends": {}, "fixed": True})


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit with its default. Units are in the field's metadata; sizes are bytes of the encoded form."""

    commit_operations: int = _limit(
        90, "operations", "DynamoDB TransactWriteItems: 100 items, 10 kept for our own", local=1_000_000
    )
    commit_bytes: int = _limit(
        1024 * KIB, "bytes", "DynamoDB TransactWriteItems: 4 MB with indices and old images", local=64 << 20
    )
    key: int = _limit(512, "bytes", "DynamoDB sort key 1024 bytes; names of Durable Objects 1024 bytes", local=512)
    state: int = _limit(256 * KIB, "bytes", "DynamoDB item 400 KB; Durable Object value 2 MB", local=16 << 20)
    view: int = _limit(120 * KIB, "bytes", "API Gateway WebSocket message 128 KB", local=4 << 20, cloudflare=1 << 20)
    value: int = _limit(128 * KIB, "bytes", "DynamoDB item 400 KB; Durable Object value 2 MB", local=16 << 20)
    message_in: int = _limit(32 * KIB, "bytes", "API Gateway WebSocket frame 32 KB", local=4 << 20, cloudflare=1 << 20)
    message_out: int = _limit(
        120 * KIB, "bytes", "API Gateway WebSocket message 128 KB", local=4 << 20, cloudflare=1 << 20
    )
    http_body: int = _limit(1024 * KIB, "bytes", "Lambda invocation payload 6 MB, base64", local=64 << 20)
    arguments: int = _limit(120 * KIB, "bytes", "one parked trigger is one DynamoDB item", local=4 << 20)
    result: int = _limit(120 * KIB, "bytes", "one inbox row is one DynamoDB item", local=4 << 20)
    schedules: int = _limit(1000, "schedules", "they are loaded with the snapshot", local=1000)
    mailbox: int = _limit(10_000, "triggers", "bounded queues", local=10_000)
    delay: float = _limit(
        400 * 86400.0, "seconds", "a tell that waits longer is a mistake, or an attack", local=10 * 365 * 86400.0
    )
    attachment: int = _limit(16 * KIB, "bytes", "Durable Object WebSocket attachment 16 KB", local=16 * KIB)
    export: int = _limit(4 << 20, "bytes", "DynamoDB TransactWriteItems 4 MB", local=1 << 30)
    log: int = _limit(1000, "entries", "the event log is a ring: older entries are overwritten", local=1_000_000)
    depth: int = _fixed(40, "levels", "JSON in workerd ends near 50 levels; pydantic_core reads 200, writes 253")
    digits: int = _fixed(4000, "digits", "pydantic_core and CPython read integers of at most 4300 digits")
    max_tick: float = _limit(25.0, "seconds", "API Gateway integration 29 s; Durable Object reset 30 s", local=3600.0)
    max_path: int = _limit(16, "agents", "asks that wait for one another share one deadline", local=16)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not (isfinite(value) and value > 0):
                raise ValueError(f"Limits({f.name}={value!r}): a limit is a positive number of {f.metadata['unit']}")
            if f.metadata.get("fixed") and value != f.default:
                raise ValueError(
                    f"Limits({f.name}={value!r}): this limit is {f.default} {f.metadata['unit']} for every app, "
                    f"as {f.metadata['source']}"
                )

    def rows(self) -> Iterator[tuple[str, float, str, str]]:
        """(name, value, unit, source) of each limit."""
        for f in fields(self):
            yield f.name, getattr(self, f.name), f.metadata["unit"], f.metadata["source"]

    def refused_by(self) -> dict[str, list[str]]:
        """Backend -> the limits raised above what it can carry; empty lists where the app still runs."""
        out: dict[str, list[str]] = {"local": [], "cloudflare": [], "lambda": []}
        for f in fields(self):
            value = getattr(self, f.name)
            own = f.metadata["backends"]
            for backend, names in out.items():
                if value > own.get(backend, f.default):
                    names.append(f.name)
        return out


PORTABLE: Final = Limits()
