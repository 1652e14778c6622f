"""A simulation silences Roost's log: it is full of the faults that were injected."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _log_comes_back() -> Iterator[None]:
    log = logging.getLogger("roost")
    level = log.level
    yield
    log.setLevel(level)
