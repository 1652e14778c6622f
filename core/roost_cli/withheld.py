"""What never goes into a bundle, whoever asked for it: secrets, hidden files, and what lies outside the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from roost.contract.errors import Rejected

PUBLIC: Final = frozenset({".well-known"})
"""Hidden by name only."""
PRIVATE_KEY: Final = b"PRIVATE KEY-----"


def withheld(relative: str, path: Path) -> str | None:
    """Why the file that would become `relative` in the bundle must not; None: it may."""
    parts = PurePosixPath(relative).parts
    if ".." in parts or relative.startswith("/"):
        return "it lies outside the project"
    root = path.absolute().parents[len(parts) - 1].resolve()
    real = path.resolve()
    if not real.is_relative_to(root):
        return f"it is a link that leads out of the project, to {real}"
    for names in (parts, real.relative_to(root).parts):
        if hidden := next((name for name in names if name.startswith(".") and name not in PUBLIC), None):
            what = "secrets are kept in such files" if hidden.startswith((".env", ".roost")) else "it is hidden"
            return f"{hidden}: {what}"
    with real.open("rb") as file:
        if PRIVATE_KEY in file.read(4096):
            return "it holds a private key"
    return None


def refuse(files: Mapping[str, Path]) -> None:
    """Rejected `withheld`: names each file that must not go along."""
    found = [f"  {name}: {why}" for name, path in sorted(files.items()) if (why := withheld(name, path)) is not None]
    if found:
        raise Rejected(
            "\n".join(["these files never go into a bundle:", *found, HOW]),
            code="withheld",
        )


HOW: Final = (
    "Name what the app reads in [tool.roost] include without them; secrets reach an agent through its config, "
    "from the platform's own store of secrets"
)
