"""Which source files changed, by polling their times: no dependency, no inotify limits, works on any mount."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".py", ".toml", ".env")
SKIPPED: Final = frozenset({"node_modules", "__pycache__", "dist", "python_modules"})

Seen = dict[str, tuple[int, int]]


class Watch:
    """What stands below some folders, as of the last look."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [r for r in roots if not any(r != o and r.is_relative_to(o) for o in roots)]
        self._seen = self._look()

    def changed(self) -> list[str]:
        """Files that came, went or changed since the last call, sorted."""
        now, before = self._look(), self._seen
        self._seen = now
        return sorted({*(p for p, at in now.items() if before.get(p) != at), *(before.keys() - now.keys())})

    def _look(self) -> Seen:
        seen: Seen = {}
        for root in self._roots:
            for entry in _files(str(root)):
                try:
                    stat = entry.stat()
                except OSError:  # gone between the listing and now
                    continue
                seen[entry.path] = (stat.st_mtime_ns, stat.st_size)
        return seen


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """Sources below a folder; hidden folders, node_modules and virtual environments are left out."""
    stack = [folder]
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        if any(e.name == "pyvenv.cfg" for e in found):
            continue
        for entry in found:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if not name.startswith(".") and name not in SKIPPED:
                    stack.append(entry.path)
            elif name.endswith(SUFFIXES):
                yield entry
