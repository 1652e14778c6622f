"""`roost bundle lambda`: what it stages for each kind of machine, that it loads alone, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from roost.contract.errors import LimitExceeded, Rejected
from roost.hosting.platform import Project
from roost_cli.wheels import pins
from roost_lambda import bundle as bundling
from roost_lambda.bundle import bundle, write
from roost_lambda.wheels import PINS, python_version

SOURCE = """\
from roost import Agent, App, action

class Echo(Agent):
    @action
    async def say(self, text: str) -> str:
        return text

app = App([Echo])
"""


def project(folder: Path) -> Project:
    main = folder / "main.py"
    main.write_text(SOURCE)
    return Project("main:app", folder, config={"echo": {"loud": True}}, files={"main.py": main})


def quiet(line: str) -> None:
    pass


def test_a_bundle_for_each_machine(tmp_path: Path) -> None:
    made = bundle(project(tmp_path), tmp_path / "out", quiet)
    assert 10 << 20 < made.size < made.limit and made.counted == "unzipped"
    for machine, name in (("arm64", "aarch64"), ("x86_64", "x86_64")):
        code = tmp_path / "out" / machine / "code"
        native = [p.name for p in code.rglob("*.so")]
        assert any("pydantic_core" in n for n in native) and all(name in n for n in native), native
        assert json.loads((code / "roost-bundle.json").read_text()) == {
            "app": "main:app",
            "config": {"echo": {"loud": True}},
        }
        assert (code / "main.py").exists() and not (code / "roost_lambda" / "emulator").exists()
        bom = json.loads((tmp_path / "out" / machine / "sbom.cdx.json").read_text())
        parts = {one["name"]: one for one in bom["components"]}
        locked = {pin.name: pin for pin in pins(PINS)}
        assert {"roost", *locked} <= {*parts, *(name.replace("_", "-") for name in parts)}
        assert parts["botocore"]["hashes"][0]["content"] in locked["botocore"].digests
        assert not (code / "sbom.cdx.json").exists() and "://" not in str(bom["components"])
        template = (tmp_path / "out" / machine / "template.yaml").read_text()
        assert "    CodeUri: code\n" in template and f"Default: {machine}\n" in template
        assert f"Default: python{python_version()}\n" in template
    assert bundle(project(tmp_path), tmp_path / "out", quiet).size == made.size, "an earlier bundle is replaced"


def test_more_than_lambda_takes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "LIMIT", 1 << 20)
    with pytest.raises(LimitExceeded, match="the largest parts: botocore") as refused:
        bundle(project(tmp_path), tmp_path / "out", quiet)
    assert refused.value.data == {"limit": "bundle"} or "bundle" in str(vars(refused.value))
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(Rejected, match="no bundle of ours"):
        bundle(project(tmp_path), tmp_path / "out", quiet)


def test_secrets_never_go_along(tmp_path: Path) -> None:
    own = project(tmp_path)
    (tmp_path / ".env").write_text("TOKEN=x")
    with pytest.raises(Rejected, match=r"\.env: secrets"):
        write(replace(own, files={**own.files, ".env": tmp_path / ".env"}), "here", tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()


def test_a_bundle_loads_alone(tmp_path: Path) -> None:
    """Under `python -I` nothing of this environment is in reach."""
    write(project(tmp_path), "here", tmp_path / "out", quiet)
    code = tmp_path / "out" / "code"
    script = f"""
import sys
sys.path[:] = [{str(code)!r}, *(p for p in sys.path if "site-packages" not in p)]
import roost_lambda.connect, roost_lambda.handler, roost_lambda.gateway, roost_lambda.frame_lanes, roost_lambda.web
import roost_http.surface, roost_lambda.deployment as deployment
import aws_lambda_powertools, botocore, httpx, mangum, pydantic, roost
assert deployment.load("main:app").kinds.keys() == {{"echo"}}
for module in (aws_lambda_powertools, botocore, httpx, mangum, pydantic, roost):
    assert module.__file__.startswith({str(code)!r}), module
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
