"""What docs/chat.md and docs/models.md print runs as it is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("doc", "module"), [("chat.md", "support"), ("models.md", "research")])
def test_every_block_runs(tmp_path: Path, doc: str, module: str) -> None:
    blocks = re.findall(r"(?:^|\n\n)((?:    .*\n|\n(?=    |\n))+)", (DOCS / doc).read_text())
    names: list[str] = []
    for block in blocks:
        text = dedent(block)
        found = re.match(r"# (\S+\.py)\n", text)
        assert found, f"a block says no name of a file: {text[:80]!r}"
        names.append(found[1])
        (tmp_path / found[1]).write_text(text)
    assert names == [f"{module}.py", f"test_{module}.py"]
    (tmp_path / "conftest.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.roost]\napp = "{module}:app"\n[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "roost.testing.plugin"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
