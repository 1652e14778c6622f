"""`sys.exit` in a task that a handler began ends that task; the host's own ends the process."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from roost.hosting.asyncio_host import run_through


@pytest.mark.parametrize("fast", [False, True])
def test_a_task_that_exits_does_not_end_the_process(fast: bool, caplog: pytest.LogCaptureFixture) -> None:
    if fast:
        factory = pytest.importorskip("uvloop").new_event_loop
    else:
        factory = asyncio.new_event_loop

    async def leave() -> None:
        sys.exit("enough")

    async def serve() -> str:
        left = [asyncio.ensure_future(leave()) for _ in range(3)]
        async with asyncio.timeout(5):
            await asyncio.sleep(0.01)
            assert all(isinstance(one.exception(), SystemExit) for one in left)
            return "served"

    with asyncio.Runner(loop_factory=factory) as runner, caplog.at_level(logging.ERROR, "roost"):
        assert run_through(runner.get_loop(), serve()) == "served"
    assert any("tried to end the process" in r.getMessage() for r in caplog.records)


def test_its_own_exit_ends_it() -> None:
    async def leave() -> None:
        sys.exit(3)

    with asyncio.Runner() as runner, pytest.raises(SystemExit) as ended:
        run_through(runner.get_loop(), leave())
    assert ended.value.code == 3
