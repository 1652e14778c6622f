"""The attacked app on a real server with short waits: `python -m tests.attacks.served` prints where."""

from __future__ import annotations

import sys

from roost_cli import log
from roost_cli.serve import serve_app
from roost_server.intake import Terms
from roost_server.listen import Listen
from roost_server.options import Options

from .app import app


def ready(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    log.set_up("info")
    terms = Terms(head_timeout=float(sys.argv[1]), body_timeout=0.9, stall_timeout=1.2)
    serve_app(app, Options(Listen(port=0), None, terms=terms), ready)
