"""What the agents of jobs did, forgotten between two tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .noted import RAN


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    RAN.clear()
    yield
    RAN.clear()
