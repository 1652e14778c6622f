"""The folder `.roost` of a project: agents' data, the operator's token. For its owner's eyes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAME: Final = ".roost"
OTHERS: Final = 0o077


def private(folder: Path) -> None:
    """Make a folder that only its owner can look into. A `.roost` on the way that is there already becomes so."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder, *folder.parents):
        if path.name == NAME and path.stat().st_mode & OTHERS:
            path.chmod(0o700)
