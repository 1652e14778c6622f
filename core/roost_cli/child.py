"""The process that `roost dev` restarts: serves on a socket that it was handed, and reports when it is ready.

Started as `python -m roost_cli.child JSON`. The line to the supervisor is one end of a socket pair: a
JSON line on it says that requests are taken; its end means that the supervisor is gone, and so are we.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from argparse import Namespace
from pathlib import Path
from typing import Any

from roost.contract.errors import RoostError
from roost.contract.operators import Operators
from roost_server.listen import Listen

from . import log
from .broken import Broken
from .complaint import BROKEN, CODES, REFUSED, Complaint
from .console import KEY, Console, make_key, outline
from .console.seen import Seen
from .project import Project, load_app
from .report import never_fail, plain, say, show_error
from .serve import options, serve_app


def main(given: dict[str, Any]) -> int:
    """Serve until SIGTERM; the exit code tells the supervisor whose fault an end was."""
    never_fail()
    line = socket.socket(fileno=given["line"])
    line.set_inheritable(False)
    for name in ("listen", "console"):
        os.set_inheritable(given[name], False)
    threading.Thread(target=_follow, args=(line,), daemon=True).start()
    args = Namespace(**given["args"])
    log.set_up(args.log_level)
    try:
        app = load_app(given["app"], Project(Path(given["root"])))
        data = None if given["data"] is None else Path(given["data"])
        token = os.environ["ROOST_ADMIN_TOKEN"]
        operators = Operators.from_environment(os.environ)
        kinds = outline(app)

        def used(following: str) -> None:
            line.sendall(json.dumps({"key": following}).encode() + b"\n")

        key = os.environ.pop(KEY, "") or make_key()
        seen = Seen(app)
        seen.watch()
        port = socket.socket(fileno=os.dup(given["listen"]))
        with port:
            origin = f"http://{port.getsockname()[0]}:{port.getsockname()[1]}"
        console = Console(
            kinds, token=token, data=given["shown"], key=key, used=used, emulate=args.emulate, seen=seen, origin=origin
        )

        def ready(url: str) -> None:
            line.sendall(json.dumps({"url": url, "kinds": kinds, "auth": app.auth is not None}).encode() + b"\n")

        made = options(args, app, data, operators, Path(given["root"]), Listen(fd=given["listen"]))
        serve_app(app, made.with_dev(args.emulate, console, Listen(fd=given["console"])), ready)
    except Complaint as complaint:
        say(f"roost: {plain(str(complaint))}")
        code, why = complaint.code, str(complaint)
    except RoostError as error:
        show_error(error)
        code = CODES.get(error.code, BROKEN if error.code in {"bad-platform", "limits"} else REFUSED)
        why = error.message
    else:
        return 0
    if code == BROKEN and given["waits"]:
        line.sendall(json.dumps({"broken": why}).encode() + b"\n")
        asyncio.run(_stand_in([given["listen"], given["console"]], why))
    return code


async def _stand_in(listening: list[int], why: str) -> None:
    """Answer what is wrong, until the supervisor ends this process."""
    standing = [Broken(why) for _ in listening]
    for broken, fd in zip(standing, listening, strict=True):
        await broken.start(socket.socket(fileno=fd))
    await asyncio.Event().wait()


def _follow(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while line.recv(64):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
