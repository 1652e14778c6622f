"""What the command line ends with when it can't go on: a message for a person, and an exit code."""

from __future__ import annotations

from typing import Final

REFUSED: Final = 1
"""The agent, or the machine, said no."""
USAGE: Final = 2
"""The command was given wrongly."""
UNREACHABLE: Final = 3
"""No server answers."""
BROKEN: Final = 4
"""The author's app can't be served as it is: its code, or its config."""

NAMES: Final = {REFUSED: "refused", USAGE: "usage", UNREACHABLE: "unreachable", BROKEN: "broken"}
"""What `--json` calls a complaint of that exit code."""

CODES: Final = {"bad-config": BROKEN, "unreachable": UNREACHABLE}
"""Exit codes of errors that have one of their own."""


class Complaint(Exception):
    """Printed as it stands, without a traceback; `code` is the exit code."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code
