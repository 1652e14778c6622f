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
from functools import partial
from typing import Any, Final

from roost.contract.address import Address
from roost.contract.errors import TransientError

from .aws import Aws, error_code
from .bells import JobBell

LONGEST: Final = 900
"""Seconds SQS delays a message, most."""
EARLY: Final = 90.0
"""Seconds a schedule fires before its time."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where bells ring: queue URLs and ARNs, the scheduler's group and role."""

    doorbells: str
    jobs: str
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
        await self._send(self._places.doorbells, str(address), partial(message, address, wake), delay)

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        """See bells.Bells."""
        await self._send(self._places.jobs, f"{bell.address}/job:{bell.uid}", partial(job_message, bell), delay)

    async def _send(self, queue: str, name: str, body: Callable[[float | None], str], delay: float) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            if delay <= LONGEST:
                await self._aws.call(
                    "sqs", "send_message", QueueUrl=queue, MessageBody=body(None),
                    DelaySeconds=max(0, math.ceil(delay)),
                )  # fmt: skip
            else:
                due = self._now() + delay
                await self._schedule(name, due, body(due))
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"{name}: its bell did not ring: {error}", code="bell") from error

    async def _schedule(self, name: str, due: float, body: str) -> None:
        from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs] (it has none)

        at = datetime.fromtimestamp(math.ceil(due - EARLY), UTC)
        given: dict[str, Any] = {
            "Name": hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:48],
            "GroupName": self._places.schedules, "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "ActionAfterCompletion": "DELETE",
            "Target": {"Arn": self._places.timers_arn, "RoleArn": self._places.role, "Input": body},
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


def job_message(bell: JobBell, due: float | None = None) -> str:
    """The body of a job's bell; with `due` that of its timer."""
    return message(bell.address, bell.due, due)[:-1] + f', "job": {json.dumps(bell.uid)}}}'


def job_heard(body: str) -> JobBell | None:
    """Of which job a message is; None: of an agent. ValueError: it is no bell of ours."""
    address, wake, _ = heard(body)
    uid = json.loads(body).get("job")
    return None if uid is None else JobBell(address, str(uid), wake or 0.0)


def heard(body: str) -> tuple[Address, float | None, float]:
    """Whom a message is for, and which wake, and when it is due (0 = now). ValueError: it is no bell of ours."""
    try:
        doc: Any = json.loads(body)
        wake = doc.get("wake")
        address = Address(str(doc["kind"]), str(doc["key"]))
        return address, None if wake is None else float(wake), float(doc.get("due", 0.0))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a doorbell: {body[:200]}") from error
