"""How a platform is found by its entry point, and what is said when it can't be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from roost.contract.errors import NotFound, NotSupported, RoostError
from roost.hosting.platform import Project, emulator, find, names

OTHER = """\
from roost.platform import Platform

class Other(Platform):
    name = "other"
    emulator = "otherd"

OTHER = Other()
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution that adds three backends: one whole, one that lacks a need, one that is none."""
    (tmp_path / "other_roost.py").write_text(OTHER)
    (tmp_path / "needy_roost.py").write_text("import a_module_that_is_not_here\n")
    info = tmp_path / "other_roost-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-roost\nVersion: 1.0\n")
    points = "other = other_roost:OTHER\nneedy = needy_roost:NEEDY\nodd = other_roost:Other\n"
    (info / "entry_points.txt").write_text(f"[roost.backends]\n{points}")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "other_roost", raising=False)


def test_ours_are_installed() -> None:
    assert {"local", "memory", "cloudflare", "emulated-cloudflare", "emulated-lambda"} <= set(names())
    for name in names():
        assert find(name).name == name
        assert find(name).harness().admin_token


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(NotFound, match=r"no backend is called 'nowhere'; installed here: .*local"):
        find("nowhere")
    with pytest.raises(NotFound, match=r"nothing here emulates 'nowhere'; there are: .*workerd"):
        emulator("nowhere")


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_platform_stands_beside_ours(tmp_path: Path) -> None:
    other = find("other")
    assert other.name == "other"
    assert emulator("otherd") is other
    with pytest.raises(NotSupported, match="other needs no bundle"):
        other.bundle(Project("main:app", tmp_path), tmp_path, print)
    with pytest.raises(NotSupported, match="other has no harness"):
        other.harness()
    with pytest.raises(NotSupported, match=r"no a_module_that_is_not_here\): pip install 'roost\[needy\]'"):
        find("needy")
    with pytest.raises(RoostError, match="odd"):
        find("odd")
