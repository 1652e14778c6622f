"""`python -m roost_cli.outlined APP ROOT [CONFIG ...]`: the outline of an app as JSON, or what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .complaint import Complaint
from .console import outline
from .project import Project, load_app
from .report import never_fail, plain, put, say
from .serve import parse_config


def main(app: str, root: str, *config: str) -> int:
    """The exit code: a complaint's own, 0 when the outline was printed."""
    never_fail()
    try:
        found = load_app(app, Project(Path(root)))
        parse_config([*config], found)
    except Complaint as complaint:
        say(f"roost: {plain(str(complaint))}")
        return complaint.code
    put(json.dumps({"kinds": outline(found), "auth": found.auth is not None}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
