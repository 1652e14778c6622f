"""The local server on a disk that loses power with it: what was never synced is kept, lost or garbled by chance.

journal.c, loaded into the server, notes each write to the data file and its log, and each sync. The bytes that a
crash may take are those written since the last sync of their file and no others: SQLite has to come up with every
commit that was acknowledged, whichever of them are gone. Sectors are 512 bytes: a disk writes no less at once.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from roost_local.harness import LocalHarness

SECTOR: Final = 512
ENTRY: Final = struct.Struct("<BBHIIIQQ")
HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written and not synced: where, what stood there before, how long the file was."""

    offset: int
    size: int
    old: bytes
    length: int


@dataclass(slots=True)
class Torn:
    """What was done to a data file: writes seen, sectors at risk at a kill, and what became of them."""

    noted: int = 0
    risked: int = 0
    lost: int = 0
    garbled: int = 0
    cuts: int = 0


def compile_journal(folder: Path) -> Path:
    """The library, built into `folder`."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("tearing needs a C compiler (on Debian: apt-get install gcc libc6-dev)")
    library = folder / "journal.so"
    flags = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", str(library), str(HERE / "journal.c"), "-ldl"], check=True, timeout=60)
    return library


class TornHarness(LocalHarness):
    """`crash` is the end of the machine, not of the process alone."""

    def __init__(self, library: Path, journal: Path, seed: int) -> None:
        super().__init__()
        self._journal = journal
        self._library = library
        self._random = Random(seed)
        self.torn = Torn()

    async def up(self) -> None:
        self.environment = {
            "LD_PRELOAD": str(self._library),
            "ROOST_JOURNAL": str(self._journal),
            "ROOST_JOURNAL_OF": str(self.data.resolve()),
        }
        await super().up()

    async def down(self) -> None:
        await super().down()
        for path, writes in zip((self.data, self.data.with_name("agents.db-wal")), self._unsynced(), strict=True):
            if writes and path.exists():
                tear(path, writes, self._random, self.torn)
        self._journal.write_bytes(b"")

    def _unsynced(self) -> tuple[list[Write], list[Write]]:
        open_writes: tuple[list[Write], list[Write]] = ([], [])
        for what, file, write in entries(self._journal.read_bytes()):
            if what == "W":
                self.torn.noted += 1
                open_writes[file].append(write)
            else:  # synced; or cut, of which too little is known to undo it
                open_writes[file].clear()
        return open_writes


def entries(journal: bytes) -> Iterator[tuple[str, int, Write]]:
    """(what, which file, the write) in the order they were noted; the last one may be cut short by the kill."""
    at = 0
    while at + ENTRY.size <= len(journal):
        what, file, _, size, old, _, offset, length = ENTRY.unpack_from(journal, at)
        at += ENTRY.size
        if at + old > len(journal):
            return
        yield chr(what), file, Write(offset, size, journal[at : at + old], length)
        at += old


def tear(path: Path, writes: list[Write], random: Random, torn: Torn) -> None:
    """Decide for each sector that was written since the last sync; or for the tail of the file as a whole."""
    before: dict[int, bytes] = {}
    for write in writes:
        for start in range(write.offset, write.offset + write.size, 1):
            if start == write.offset or start % SECTOR == 0:
                stop = min(write.offset + write.size, (start // SECTOR + 1) * SECTOR)
                stood = write.old[start - write.offset : stop - write.offset]
                before.setdefault(start, stood + bytes(stop - start - len(stood)))
    torn.risked += len(before)
    chance = random.choice((0.0, 0.1, 0.5, 1.0))
    with path.open("r+b") as file:
        for start, stood in before.items():
            if random.random() >= chance:
                continue
            if random.random() < 0.3:
                torn.garbled += 1
                stood = random.randbytes(len(stood))
            torn.lost += 1
            file.seek(start)
            file.write(stood)
        end = path.stat().st_size
        safe = min(write.length for write in writes)
        if end > safe and random.random() < 0.5:  # anywhere: also in the middle of a frame
            torn.cuts += 1
            file.truncate(random.randrange(safe, end))
