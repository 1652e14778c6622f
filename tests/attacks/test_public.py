"""An app that says nothing of who may call it is not deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost import PUBLIC, App
from roost_cli.gather import gather, says_who
from roost_cli.project import Project

from .app import Counter


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("App([A])", False), ("App([A], auth=None)", False), ("roost.App([A], origins=['*'])", False),
        ("App([A], auth=PUBLIC)", True), ("roost.App([A], auth=hook)", True), ("App([A], **options)", True),
        ("made()", True),
    ],
)  # fmt: skip
def test_what_a_bundle_sees(tmp_path: Path, call: str, says: bool) -> None:
    (tmp_path / "main.py").write_text(f"import roost\nfrom roost import App\napp = {call}\n")
    assert says_who(gather(Project(tmp_path), "main:app")) is says


def test_public_is_no_hook() -> None:
    app = App([Counter], auth=PUBLIC)
    assert app.auth is None and app.public
    assert not App([Counter]).public
