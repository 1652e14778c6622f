"""scripts/audit: nothing is called free of weaknesses that was not looked up."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE = '#!/bin/sh\necho "$@" >> "$ASKED"\ncat "$(echo "$@" | sed "s/.*-r //")" >> "$ASKED"\nexit $ANSWER\n'
"""Takes the place of pip-audit: notes what it is asked, and of which list."""


def audit(folder: Path, answer: int, *bundles: Path) -> tuple[subprocess.CompletedProcess[str], str]:
    tool = folder / "pip-audit"
    tool.write_text(FAKE)
    tool.chmod(0o755)
    asked = folder / "asked"
    given = {"PATH": f"{folder}:{os.environ['PATH']}", "ASKED": str(asked), "ANSWER": str(answer)}
    # The script prefers the environment beside it, so it runs from a copy that has none.
    (folder / "scripts").mkdir()
    script = folder / "scripts" / "audit"
    script.write_bytes((ROOT / "scripts" / "audit").read_bytes())
    script.chmod(0o755)
    (folder / "adapters").symlink_to(ROOT / "adapters")
    (folder / "constraints.txt").symlink_to(ROOT / "constraints.txt")
    done = subprocess.run([script, *bundles], env=given, capture_output=True, text=True, timeout=60, check=False)
    return done, asked.read_text() if asked.exists() else ""


def test_every_lock_is_asked_about(tmp_path: Path) -> None:
    done, asked = audit(tmp_path, 0)
    assert done.returncode == 0, done.stderr
    locks = ("requirements-bundle.txt", "constraints-pyodide.txt", "constraints-ministack.txt", "constraints.txt")
    for lock in (*locks, "requirements-models.txt", "constraints-models.txt"):
        assert lock in asked, lock


def test_what_could_not_be_looked_up_is_no_success(tmp_path: Path) -> None:
    done, asked = audit(tmp_path, 1)
    assert done.returncode == 1 and "could not be looked up" in done.stderr
    asked_of = [line for line in asked.splitlines() if " -r " in line]
    assert len(asked_of) == 7, "one that fails keeps no other from being asked about"
    assert all("--strict" in line for line in asked_of), "else pip-audit skips what an index does not know"


@pytest.mark.parametrize("there", [True, False])
def test_a_bundle_is_asked_about_by_its_sbom(tmp_path: Path, there: bool) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    components = [{"name": "roost", "version": "1"}, {"name": "the-apps-own", "version": "2.5"}]
    if there:
        (bundle / "sbom.cdx.json").write_text(json.dumps({"components": components}))
    done, asked = audit(tmp_path, 0, bundle)
    assert done.returncode == (0 if there else 2), done.stderr
    assert ("the-apps-own==2.5" in asked) is there and "roost==" not in asked
