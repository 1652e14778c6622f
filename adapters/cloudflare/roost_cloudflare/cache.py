"""Where what is fetched from npm and PyPI is kept: ~/.cache/roost, or $XDG_CACHE_HOME/roost.

A folder there is named by what it was made from, and appears whole or not at all: two processes may make the
same one at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def root() -> Path:
    """The folder of this user's cache."""
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "roost"


def kept(name: str, source: bytes, make: Callable[[Path], None]) -> Path:
    """The folder `name` made from `source`; `make` fills it the first time."""
    folder = root() / f"{name}-{hashlib.sha256(source).hexdigest()[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            part.chmod(0o755)
            make(part)
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was first: its folder is as good
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder
