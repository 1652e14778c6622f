"""The template at the root under AWS's own tool: valid by its linter, and built from a clean checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from roost_lambda.emulator.environment import cache, made
from roost_lambda.schema import table
from roost_lambda.wheels import python_version

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sam() -> Path:
    """aws-sam-cli in an environment of its own."""
    python = made(cache() / "sam", Path(__file__).parent / "constraints-sam.txt", ["aws-sam-cli"], print)
    return python.with_name("sam")


def run(sam: Path, *arguments: str, cwd: Path) -> str:
    environment = {
        **os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": f"{sam.parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        [sam, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_template_is_valid(sam: Path) -> None:
    assert "is a valid SAM Template" in run(sam, "validate", "--lint", cwd=ROOT)


def test_a_checkout_is_built(sam: Path, tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if not name.startswith(("tests/", "docs/")) and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    built = tmp_path / ".aws-sam" / "build"
    given = (f"Runtime=python{python_version()}", "Architecture=x86_64")
    run(sam, "build", "--parameter-overrides", *given, cwd=tmp_path)
    for function in ("Web", "Connect", "Socket", "Drain", "Job", "Wake", "Relay", "Sweep"):
        names = {path.name for path in (built / function).iterdir()}
        assert {"main.py", "roost", "roost_http", "roost_lambda", "mangum", "botocore"} <= names, function
    assert (built / "template.yaml").exists()


def test_the_template_declares_the_table_of_the_store() -> None:
    text = (ROOT / "template.yaml").read_text()
    wanted = table("any")
    for attribute in wanted["AttributeDefinitions"]:
        line = f"{{AttributeName: {attribute['AttributeName']}, AttributeType: {attribute['AttributeType']}}}"
        assert line in text, line
    for index in wanted["GlobalSecondaryIndexes"]:
        assert f"IndexName: {index['IndexName']}\n" in text
        keys = ", ".join(
            f"{{AttributeName: {k['AttributeName']}, KeyType: {k['KeyType']}}}" for k in index["KeySchema"]
        )
        assert f"KeySchema: [{keys}]" in text
    assert len(re.findall("IndexName:", text)) == len(wanted["GlobalSecondaryIndexes"])
