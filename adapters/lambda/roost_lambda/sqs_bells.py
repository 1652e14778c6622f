"""`Bells` as AWS has them: SQS for what is near, EventBridge Scheduler for what is far.

A message carries an address, and the wake that it is for. SQS delays 15 min at most; the scheduler is accurate to
60 s, so it fires 90 s early, and the wake function turns what it hears into a delayed message.
Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from roost.contract.address import Address
from roost.contract.errors import TransientError

from .aws import Aws, error_code

LONGEST: Final = 900
"""Seconds SQS delays a message, most."""
EARLY: Final = 90.0
"""Seconds a schedule fires before its time."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where bells ring: queue URLs and ARNs, the scheduler's group and role."""

    doorbells: str
    timers_arn: str
    schedules: str
    role: str


class SqsBells:
    """Fills `Bells`."""

    def __init__(self, aws: Aws, places: Places, now: Callable[[], float] = time.time) -> None:
        self._aws = aws
        self._places = places
        self._now = now

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        """See bells.Bells."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            if delay <= LONGEST:
                seconds = max(0, math.ceil(delay))
                await self._aws.call(
                    "sqs", "send_message", QueueUrl=self._places.doorbells, MessageBody=message(address, wake),
                    DelaySeconds=seconds,
                )  # fmt: skip
            else:
                await self._schedule(address, self._now() + delay, wake)
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"{address}: its bell did not ring: {error}", code="bell") from error

    async def _schedule(self, address: Address, due: float, wake: float | None) -> None:
        from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs] (it has none)

        at = datetime.fromtimestamp(math.ceil(due - EARLY), UTC)
        given: dict[str, Any] = {
            "Name": hashlib.sha256(str(address).encode("utf-8", "surrogatepass")).hexdigest()[:48],
            "GroupName": self._places.schedules, "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": self._places.timers_arn, "RoleArn": self._places.role, "Input": message(address, wake, due),
            },
        }  # fmt: skip
        try:
            await self._aws.call("scheduler", "create_schedule", **given)
        except ClientError as error:
            if error_code(error) != "ConflictException":
                raise
            await self._aws.call("scheduler", "update_schedule", **given)


def message(address: Address, wake: float | None, due: float | None = None) -> str:
    """The body of a doorbell; with `due` that of a timer. `wake`: see bells.Bells."""
    doc: dict[str, Any] = {"kind": address.kind, "key": address.key}
    if wake is not None:
        doc["wake"] = wake
    if due is not None:
        doc["due"] = due
    return json.dumps(doc)


def heard(body: str) -> tuple[Address, float | None, float]:
    """Whom a message is for, and which wake, and when it is due (0 = now). ValueError: it is no bell of ours."""
    try:
        doc: Any = json.loads(body)
        wake = doc.get("wake")
        address = Address(str(doc["kind"]), str(doc["key"]))
        return address, None if wake is None else float(wake), float(doc.get("due", 0.0))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a doorbell: {body[:200]}") from error
