"""The message by which an executor of a job was rung, and which it keeps hidden while it has the job."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .aws import Aws


class Message(Protocol):
    """One delivery of a message."""

    id: str
    """Of the message, however often it is delivered."""
    times: int
    """How often it was delivered, from 1."""

    async def hide(self, seconds: float) -> None:
        """Have it come back then, unless it is hidden again or spent. Never raises: it may come at another time."""
        ...


class SqsMessage:
    """Fills `Message`. `record`: of a Lambda event, as Powertools reads it."""

    def __init__(self, aws: Aws, queue: str, record: Any) -> None:
        self.id: str = record.message_id
        self.times = int(record.attributes.approximate_receive_count)
        self._receipt: str = record.receipt_handle
        self._aws = aws
        self._queue = queue

    async def hide(self, seconds: float) -> None:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            await self._aws.call(
                "sqs", "change_message_visibility", QueueUrl=self._queue, ReceiptHandle=self._receipt,
                VisibilityTimeout=max(0, round(seconds)),
            )  # fmt: skip
        except (BotoCoreError, ClientError) as error:
            logging.getLogger("roost").warning("a job's message could not be hidden: %s", error)
