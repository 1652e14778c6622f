"""Every script names modules that are there."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = re.compile(r"(?:python|\$python) -m ([a-z_][a-z_.]*)")


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_what_a_script_runs_is_there(script: Path) -> None:
    for name in MODULE.findall(script.read_text()):
        spec = find_spec(name)
        assert spec is not None, f"{script.name} runs {name}, which is not there"
        assert spec.submodule_search_locations is None or find_spec(f"{name}.__main__") is not None, (
            f"{script.name} runs {name}, which is a package without __main__"
        )


def checkout(folder: Path, installed_from: Path, environment: Path) -> Path:
    """A checkout's scripts/setup beside an environment whose pip writes down what it is asked to do."""
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    packages = environment / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "_roost.pth").write_text(f"{installed_from}/adapters/local\n{installed_from}/core")
    (environment / "bin").mkdir()
    for name in ("pip", "python"):
        program = environment / "bin" / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {environment}/asked\n')
        program.chmod(0o755)
    return environment / "asked"


def set_up(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "scripts" / "setup"), "run"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_environment_of_another_checkout_is_left_alone(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    asked = checkout(mine, theirs, theirs / ".venv")
    (mine / ".venv").symlink_to(theirs / ".venv")
    done = set_up(mine)
    assert done.returncode == 1
    assert f"roost is installed from elsewhere ({theirs}/adapters/local)" in done.stderr
    assert not asked.exists()


def test_a_checkout_that_was_moved_is_installed_again(tmp_path: Path) -> None:
    here = tmp_path / "here"
    asked = checkout(here, tmp_path / "there", here / ".venv")
    assert set_up(here).returncode == 0
    assert "-e ." in asked.read_text()
    asked.unlink()
    (here / ".venv/lib/python3.11/site-packages/_roost.pth").write_text(f"{here}/core")
    assert set_up(here).returncode == 0
    assert not asked.exists(), "what is installed from here is installed once"
