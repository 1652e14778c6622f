"""Where the server's time goes: py-spy beside a load, the functions with the most time of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .calls import begin, http, ws
from .figure import BenchFailed
from .server import roost, serving

SECONDS = 6.0
TOP = 25


def profile(program: Path, folder: Path) -> None:
    """Calls at 32 in flight, HTTP and WebSocket. The stacks stay in a folder of their own, which it names."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        raise BenchFailed("--profile needs py-spy: pip install py-spy")
    out = Path(tempfile.mkdtemp(prefix="roost-profile-"))
    with serving(roost(folder / "profile.db")) as server:
        for transport, loads in (("http", http), ("ws", ws)):
            for work in loads(32):
                if work.bare:
                    continue
                stacks = out / f"{work.bench}.txt"
                run = begin(program, server, work, warm=0.5, seconds=SECONDS + 2)
                command = [spy, "record", "--pid", str(server.process.pid), "--duration", str(int(SECONDS))]
                command += ["--rate", "250", "--format", "raw", "--function", "--threads", "--output", str(stacks)]
                spied = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 60, check=False)
                report = run.finish()
                if spied.returncode:
                    raise BenchFailed(f"py-spy: {spied.stderr.strip()} (it needs root or ptrace_scope 0)")
                print(
                    f"\n{work.bench}, {report.rate:.0f}/s under py-spy; {transport} stacks: {stacks}", file=sys.stderr
                )
                print(top(stacks.read_text()), file=sys.stderr)


def top(stacks: str) -> str:
    """The functions with the most time of their own, as shares of all samples, thread by thread."""
    threads: Counter[str] = Counter()
    own: Counter[tuple[str, str]] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        threads[frames[0]] += int(count)
        own[frames[0], frames[-1]] += int(count)
    total = sum(threads.values()) or 1
    lines = [f"{count / total:6.1%}  {thread}" for thread, count in threads.most_common(5)]
    names = {thread: str(number) for number, (thread, _) in enumerate(threads.most_common())}
    lines += [f"{n / total:6.1%}  [{names[thread]}] {function}" for (thread, function), n in own.most_common(TOP)]
    return "\n".join(lines)
