"""Python in archives: importable as they are, with byte code that Pyodide's own CPython has made.

Compiling what a Worker imports takes longer than all else of its boot. An archive is kept by its content.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from roost.hosting.platform import Say

from .cache import kept
from .npm import GLUE
from .snapshot import asked

SKIP: Final = frozenset({"__pycache__", "node_modules", "workerd", "py.typed"})
NOW: Final = (2026, 1, 1, 0, 0, 0)
"""The date of every entry: the same content makes the same archive."""


def files(roots: Iterable[tuple[Path, Path]]) -> Iterator[tuple[str, Path]]:
    """(name, file) of all files below some folders; each root comes with the folder that names start from."""
    for root, top in roots:
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            name = path.relative_to(top)
            if path.is_file() and not SKIP.intersection(name.parts) and path.suffix not in {".pth", ".pyc"}:
                yield name.as_posix(), path


def packed(given: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive, not compressed: it is read in memory."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in given:
            archive.writestr(zipfile.ZipInfo(name, NOW), data)
    return out.getvalue()


def compiled(archive: bytes, say: Say) -> Path:
    """The archive with byte code, as a file."""

    def make(folder: Path) -> None:
        say("compiling Python for workerd, once")
        with tempfile.TemporaryDirectory(prefix="roost-compile-") as work:
            (folder / "site.zip").write_bytes(asked("compile.mjs", archive, Path(work), say))

    source = (GLUE / "compile.mjs").read_bytes() + (GLUE / "package-lock.json").read_bytes() + archive
    return kept("compiled", source, make) / "site.zip"
