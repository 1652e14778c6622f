"""What of a project never goes into a bundle (S12 of the threat model): it is refused by name, at every door."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roost.contract.errors import Rejected
from roost_cli.complaint import Complaint
from roost_cli.gather import gather
from roost_cli.project import Project
from roost_cli.withheld import refuse

SOURCE = "from roost import App\n\napp = App([])\n"


def included(root: Path, *patterns: str) -> set[str]:
    """The files of the bundle beside main.py."""
    root.mkdir(exist_ok=True)
    (root / "main.py").write_text(SOURCE)
    (root / "pyproject.toml").write_text(f"[tool.roost]\ninclude = {list(patterns)!r}\n")
    return set(gather(Project(root, "main:app"), "main:app").files) - {"main.py"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in (
        ".env",
        ".env.prod",
        "prompts/a.md",
        "prompts/.env",
        ".roost/admin-token",
        ".git/config",
        "web/.well-known/x",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret" if "." in name else "")
    (tmp_path / "outside.txt").write_text("not the project's")
    return folder


@pytest.mark.parametrize("pattern", [".env", ".env*", ".roost/admin-token", ".roost/*", "prompts/.env", ".git/config"])
def test_secrets_and_hidden_files_are_refused_by_name(pattern: str, root: Path) -> None:
    with pytest.raises((Rejected, Complaint)) as refused:
        included(root, "prompts/*.md", pattern)
    assert pattern.partition("*")[0] in str(refused.value)


@pytest.mark.parametrize("pattern", ["../outside.txt", "prompts/../../*.txt", "/etc/hostname", ""])
def test_what_lies_outside_is_refused(pattern: str, root: Path) -> None:
    with pytest.raises(Complaint, match="no pattern of files below"):
        included(root, pattern)


def test_wildcards_pass_over_what_is_hidden_and_say_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert included(root, "prompts/*", "web/.well-known/*") == {"prompts/a.md", "web/.well-known/x"}
    assert "prompts/.env" in capsys.readouterr().err
    assert included(root, "**/*") == {"prompts/a.md", "pyproject.toml"}


@pytest.mark.parametrize("target", ["../outside.txt", "/etc/passwd", ".env"])
def test_links_that_lead_out_or_to_secrets_are_refused(target: str, root: Path) -> None:
    (root / "innocent.txt").symlink_to(target)
    with pytest.raises(Rejected, match=r"innocent\.txt") as refused:
        included(root, "*.txt")
    assert refused.value.code == "withheld"


def test_a_module_or_folder_that_is_a_link_out_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "x.md").write_text("x")
    (root / "docs").symlink_to(tmp_path / "theirs")
    with pytest.raises(Rejected, match=r"docs/x\.md: it is a link"):
        included(root, "docs/*.md")
    (tmp_path / "theirs" / "lib.py").write_text("X = 1\n")
    (root / "lib.py").symlink_to(tmp_path / "theirs" / "lib.py")
    (root / "main.py").write_text("import lib\n" + SOURCE)
    (root / "pyproject.toml").write_text("")
    with pytest.raises(Rejected, match=r"lib\.py: it is a link"):
        gather(Project(root, "main:app"), "main:app")


def test_links_inside_the_project_are_files(root: Path) -> None:
    (root / "again.md").symlink_to("prompts/a.md")
    assert included(root, "*.md") == {"again.md"}


def test_private_keys_are_refused_whatever_their_name(root: Path) -> None:
    (root / "prompts" / "notes.txt").write_text(f"-----BEGIN RSA {'PRIVATE'} KEY-----\n")
    with pytest.raises(Rejected, match=r"notes\.txt: it holds a private key"):
        included(root, "prompts/*.txt")


def test_a_caller_that_gathers_by_itself_is_refused_too(root: Path) -> None:
    for name, path in {"../x": root / "../outside.txt", ".env": root / ".env", os.sep + "x": root / ".env"}.items():
        with pytest.raises(Rejected, match="never go into a bundle"):
            refuse({name: path})
