"""The end of a server's process: a thread or task that an author's code left behind gets a grace, and no more.

Python waits for each of them before it exits. What is durable is closed by then, so nothing is lost with one that never
ends; a deploy that waits for it loses the time.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from typing import Final

from .blame import is_authors, short

GRACE: Final = 3.0
"""Seconds for threads to end: less than `roost dev` gives the whole process."""

log = logging.getLogger("roost")


def leave(grace: float = GRACE) -> None:
    """From now on: exit with 0 after `grace` seconds, if the process has not ended by itself."""
    watch = threading.Timer(grace, _exit, args=(grace,))
    watch.name, watch.daemon = "roost-leaving", True
    watch.start()


def _exit(grace: float) -> None:
    for who in [f"thread {describe(thread)}" for thread in left()] or ["task that takes no cancellation"]:
        log.warning("a %s still runs %g s after the end; the process exits without it", who, grace)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def left() -> list[threading.Thread]:
    """Threads that Python would wait for, other than its own."""
    own = (threading.main_thread(), threading.current_thread())
    return [t for t in threading.enumerate() if not t.daemon and t not in own and "_do_shutdown" not in t.name]


def describe(thread: threading.Thread) -> str:
    """Its name, and where in the author's code it is."""
    running = sys._current_frames()  # pyright: ignore[reportPrivateUsage] (documented; there is no other way to see it)
    frame = None if thread.ident is None else running.get(thread.ident)
    frames: list[traceback.FrameSummary] = [] if frame is None else [*traceback.extract_stack(frame)]
    at = next((f for f in reversed(frames) if is_authors(f.filename)), frames[-1] if frames else None)
    return repr(thread.name) if at is None else f"{thread.name!r} (at {short(at.filename)}:{at.lineno} in {at.name})"
