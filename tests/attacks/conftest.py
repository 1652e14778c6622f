"""One `roost serve` of the attacked app, in its own process, for all attacks that leave it alive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.server import serve


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with serve("tests.attacks.app:app") as found:
        yield found
