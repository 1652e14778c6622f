"""What the agents of these tests share is put back after each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from .agents import Counter


@pytest.fixture(autouse=True)
def _gate() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] (pytest uses it)
    yield
    Counter.gate = None


@pytest.fixture
def gate() -> asyncio.Event:
    """Holds `slow` and `trickle` until it is set."""
    Counter.gate = asyncio.Event()
    return Counter.gate
