"""Every script names modules that are there."""

from __future__ import annotations

import re
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
