"""The parent of `roost dev`: holds the listening socket, runs the server in a child, restarts it on change.

Because the socket is the parent's, the port never refuses a connection: what arrives during a restart waits
in the backlog. One loop, no threads: it wakes on the child's line, on a signal, or to look at the files.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from .complaint import BROKEN, REFUSED, USAGE
from .console import KEY, link, make_key
from .report import say, style
from .watch import Watch

LOOK: Final = 0.3
"""Seconds between two looks at the files."""
GRACE: Final = 5.0
"""Seconds a child gets to end by itself."""
PAUSES: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before the n-th restart in a row after a crash."""
WAITING: Final = "waiting for a change to the source"
SETTLED: Final = 10.0
"""Seconds after which a crash is not one in a row."""


class Supervisor:
    """`run` until a signal. `first` is called once, with what the first child that is ready reported."""

    def __init__(
        self,
        listening: socket.socket,
        console: socket.socket,
        given: Mapping[str, Any],
        token: str,
        watch: Watch | None,
        first: Callable[[dict[str, Any]], None],
    ) -> None:
        self._listening = listening
        self._console = console
        self._key = make_key()
        self._given = given
        self._token = token
        self._watch = watch
        self._first: Callable[[dict[str, Any]], None] | None = first
        self._child: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._heard = b""
        self._started = 0.0
        self._ready = False
        self._crashes = 0
        self._restart_at: float | None = None
        self._stopping = False

    @property
    def page(self) -> str:
        """The link that opens the console page, once."""
        return link(f"http://127.0.0.1:{self._console.getsockname()[1]}", self._key)

    def run(self) -> int:
        """The exit code: 0 after a signal."""
        with self._signals() as woken:
            self._start()
            looked = time.monotonic()
            while not self._stopping:
                code = self._turn(woken)
                if code is not None:
                    return code
                if self._watch is not None and time.monotonic() >= looked + LOOK:
                    self._reload(self._watch)
                    looked = time.monotonic()
            self._stop()
        return 0

    def _turn(self, woken: socket.socket) -> int | None:
        """Wait for one thing; an exit code ends the supervisor."""
        reading = [woken] if self._line is None else [woken, self._line]
        wait = LOOK if self._restart_at is None else max(0.0, min(LOOK, self._restart_at - time.monotonic()))
        readable, _, _ = select.select(reading, [], [], wait)
        if woken in readable:
            woken.recv(64)
        if self._line is not None and self._line in readable:
            with contextlib.suppress(ConnectionError):
                data = self._line.recv(65536)
                self._heard += data
                if data:
                    self._hear()
                    return None
            return self._ended()
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self._start()
        return None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        given = {
            **self._given,
            "line": theirs.fileno(),
            "listen": self._listening.fileno(),
            "console": self._console.fileno(),
        }
        # The child inherits a blocked SIGINT: Ctrl-C reaches the whole group, and ending it is our task.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "roost_cli.child", json.dumps(given)],
                env={**os.environ, "ROOST_ADMIN_TOKEN": self._token, KEY: self._key},
                pass_fds=(theirs.fileno(), self._listening.fileno(), self._console.fileno()),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            theirs.close()
        self._line, self._heard, self._ready = ours, b"", False
        self._started, self._restart_at = time.monotonic(), None

    def _hear(self) -> None:
        while b"\n" in self._heard:
            raw, _, self._heard = self._heard.partition(b"\n")
            took = time.monotonic() - self._started
            report: dict[str, Any] = json.loads(raw)
            if "key" in report:
                self._key = report["key"]
                say(style(f"roost: the page is open; for another browser: {self.page}", "dim", sys.stderr))
                continue
            if "broken" in report:  # it has said why, and answers so until a file changes
                say(
                    style(
                        "roost: waiting for a change to the source; until then requests get 503", "yellow", sys.stderr
                    )
                )
                continue
            self._ready = True
            if self._first is not None:
                self._first(report)
                self._first = None
            else:
                say(style(f"roost: serving again ({took:.1f} s)", "green", sys.stderr))

    def _ended(self) -> int | None:
        """The child is gone by itself."""
        code = self._stop()
        if code == BROKEN:
            return BROKEN  # nothing is watched, or it would have stayed to answer
        if code in {REFUSED, USAGE} and self._first is not None:
            return code  # the child has said why: another process has the data file, a wrong --config
        if code == USAGE:  # what was right when it began: an edit took away what --config names
            say(style(f"roost: {WAITING}", "yellow", sys.stderr))
            return None
        if time.monotonic() - self._started > SETTLED:
            self._crashes = 0
        pause = PAUSES[min(self._crashes, len(PAUSES) - 1)]
        self._crashes += 1
        again = "at once" if not pause else f"in {pause:g} s"
        say(style(f"roost: the server ended ({_how(code)}); starting it again {again}", "yellow", sys.stderr))
        self._restart_at = time.monotonic() + pause
        return None

    def _reload(self, watch: Watch) -> None:
        changed = watch.changed()
        if not changed:
            return
        while more := watch.changed():  # a checkout changes many files: until nothing moves
            changed += more
            time.sleep(0.05)
        names = [os.path.relpath(p) for p in changed[:3]] + (["..."] if len(changed) > 3 else [])
        say(style(f"roost: {', '.join(names)} changed", "dim", sys.stderr))
        self._stop()
        self._crashes = 0
        self._start()

    def _stop(self) -> int:
        """End the child if it runs; its exit code."""
        child, line = self._child, self._line
        self._child = self._line = None
        if child is None:
            return 0
        if line is not None:
            line.close()  # its end is the word to stop, even for a child that has no handlers yet
        if child.poll() is None:
            if self._ready:
                child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                say("roost: the server does not end; killing it (agents lose nothing that was acknowledged)")
                child.kill()
        return child.wait()

    @contextlib.contextmanager
    def _signals(self) -> Generator[socket.socket]:
        """SIGINT and SIGTERM stop the loop; the socket becomes readable when one came."""
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)

        def stop(number: int, frame: object) -> None:
            self._stopping = True

        handlers = {n: signal.signal(n, stop) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield woken
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            woken.close()
            waker.close()


def _how(code: int) -> str:
    """What an exit code means."""
    if code == 137 or code == -signal.SIGKILL:
        return "killed"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
