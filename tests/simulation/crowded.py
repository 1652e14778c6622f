"""Some seeds run with snapshots that hold two letters, so that what is beyond a thousand is reached by a few."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import pytest

from roost.engine.held import held
from roost.engine.leased import giving, tenure
from roost.hosting.memory import rows
from roost_lambda import reads as dynamo_reads
from roost_local import reads

from .objects import object_store

FEW: Final = 2
EACH: Final = 5
"""One seed of so many."""


@contextmanager
def crowded(seed: int) -> Generator[None]:
    """Drawn beside the setting: the histories of all other seeds stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        if seed % EACH == EACH - 1:
            object_store()
            for module in (rows, reads, dynamo_reads, giving, tenure, held, sys.modules["roost_cloudflare.reads"]):
                patch.setattr(module, "LETTERS", FEW)
        yield
