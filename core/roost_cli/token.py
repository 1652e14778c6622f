"""The admin token of a project: made by `roost dev`, kept in .roost/admin-token, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

from roost.hosting.folders import private

from .blame import short
from .complaint import Complaint
from .project import Project


def make_token(path: Path) -> str:
    """The token in `path`; made there when there is none. The folder is kept out of git."""
    try:
        return _make(path)
    except OSError as error:
        raise Complaint(
            f"{short(str(path))} can't be written: {error.strerror or error}. Run roost dev where you may write, or "
            "set ROOST_ADMIN_TOKEN and give --data PATH"
        ) from None


def _make(path: Path) -> str:
    private(path.parent)
    found = read_token(path)
    if found is not None:
        return found
    ignore = path.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    token = secrets.token_urlsafe(24)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        os.fchmod(fd, 0o600)
        file.write(token + "\n")
    return token


def shown_token(project: Project) -> str:
    """How a shell reads the operator's token of this `roost dev`, quoted."""
    if os.environ.get("ROOST_ADMIN_TOKEN"):
        return '"$ROOST_ADMIN_TOKEN"'
    return f'"$(cat {shlex.quote(short(str(project.token)))})"'


def read_token(path: Path) -> str | None:
    """The token in `path`; None when there is none that could be one."""
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
