"""No test waits for ever: one that takes longer than its limit fails where it stands, with every thread's stack."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest

LIMIT: Final = 900.0
"""Seconds of a test, its fixtures included, on a machine that is busy with others."""
LONG: Final = 4 * 3600.0
"""Seconds of one that is marked `long`."""
AGAIN: Final = 5.0
"""Seconds after which it is struck again: the first may have hit a task that nobody waits for."""


@contextmanager
def bounded(seconds: float) -> Generator[None]:
    """Raise pytest's Failed in the main thread after `seconds`."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def strike(*_: Any) -> None:
        faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
        pytest.fail(f"it took longer than {seconds:.0f} s; the stacks are in stderr", pytrace=True)

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def limit_of(item: pytest.Item) -> float:
    return LIMIT if item.get_closest_marker("long") is None else LONG
