"""The official JavaScript client, unmodified, against the deployed template: every connection at the API's one URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.hosting.platform import Project
from tests.clients.test_clients import VERSIONS, run

from .deployed import deployment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = "tests/clients/app.py"
    with deployment(Project("tests.clients.app:app", ROOT, files={app: ROOT / app})) as harness:
        yield harness.url


@pytest.mark.parametrize("version", VERSIONS)
def test_client(url: str, version: str) -> None:
    run("drive.mjs", url, version, 19, BASE_PATH="prod", ONE_URL="1", LIMIT="30000")
