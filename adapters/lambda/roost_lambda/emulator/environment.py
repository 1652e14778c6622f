"""The environments the emulator lives in, made once: ministack's own (its pins would break an app's boto3), and the
one AWS's managed runtime stands for (`awslambdaric` and boto3, nothing of the app)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roost.contract.errors import NotSupported
from roost.hosting.platform import Say

HERE: Final = Path(__file__).parent
STAMP: Final = "roost-stamp"


@dataclass(frozen=True, slots=True)
class Environments:
    """The Python of each."""

    emulator: Path
    runtime: Path


def environments(say: Say) -> Environments:
    """Make or find them. NotSupported: pip could not."""
    base = cache()
    return Environments(
        made(base / "ministack", HERE / "constraints-ministack.txt", ["ministack", "aws-sam-translator"], say),
        made(base / "runtime", HERE / "constraints-runtime.txt", ["awslambdaric", "boto3"], say),
    )


def cache() -> Path:
    """Beside the packages of the environment Roost is in; without one, in the user's cache."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "aws"
    return Path.home() / ".cache" / "roost" / "aws"


def made(folder: Path, pins: Path, names: list[str], say: Say) -> Path:
    """The Python of a virtual environment with these packages as `pins` (a constraints file) has them."""
    python = folder / "bin" / "python"
    stamp = folder / STAMP
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"installing {names[0]} into {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", "-c", str(pins), *names]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotSupported(f"{' '.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    stamp.write_text(wanted)
    return python


def _say(line: str) -> None:
    sys.stderr.write(f"setup: {line}\n")


if __name__ == "__main__":
    environments(_say)
