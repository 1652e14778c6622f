"""Fixtures of the tests against an emulated DynamoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost_lambda.client import Client

from . import emulator
from .deployed import aws, aws_endpoint, deployed

__all__ = ["aws", "aws_endpoint", "deployed"]


@pytest.fixture
async def dynamo(aws_endpoint: str) -> AsyncIterator[tuple[str, Client]]:
    """(name of a fresh table, a way to it)"""
    async with emulator.dynamo(aws_endpoint) as found:
        yield found
