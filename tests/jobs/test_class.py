"""What a class with jobs is told at its creation, and what type checkers say of its calls."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from roost import Agent, JobRef, Run, action, job
from roost.author.job_method import JobMethod


def test_a_job_is_a_coroutine() -> None:
    with pytest.raises(TypeError, match="must be `async def` to be a @job"):

        class Plain(Agent):  # pyright: ignore[reportUnusedClass]
            @job  # type: ignore[arg-type]
            def work(self, run: Run) -> None: ...


def test_a_job_takes_its_run_first() -> None:
    with pytest.raises(TypeError, match="takes the run first"):

        class Without(Agent):  # pyright: ignore[reportUnusedClass]
            @job  # type: ignore[arg-type]
            async def work(self, topic: str) -> None: ...

    with pytest.raises(TypeError, match="takes the run first"):

        class Named(Agent):  # pyright: ignore[reportUnusedClass]
            @job  # type: ignore[arg-type]
            async def work(self, *, run: Run) -> None: ...


def test_the_names_that_an_agent_has_are_taken() -> None:
    with pytest.raises(TypeError, match="hides Roost's own `start`"):

        class Taken(Agent):  # pyright: ignore[reportUnusedClass]
            @job
            async def start(self, run: Run) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), timedelta(days=31), 31 * 86400.0])
def test_a_timeout_is_positive_and_at_most_30_days(timeout: Any) -> None:
    with pytest.raises(ValueError, match="more than 0 s and at most"):
        job(timeout=timeout)


def test_the_run_is_no_argument() -> None:
    class Worker(Agent):
        @job(timeout=timedelta(hours=2))
        async def work(self, run: Run, /, topic: str, *, deep: bool = False) -> int:
            return len(topic)

    kind = Worker._kind  # pyright: ignore[reportPrivateUsage]
    (found,) = kind.jobs.values()
    assert isinstance(found, JobMethod)
    assert [*found.action.signature.parameters] == ["topic", "deep"]
    assert found.timeout == 7200
    assert found.action.result is int
    assert found.action.bind(["a"], {"deep": True}) == (("a",), {"deep": True})
    assert "work" not in kind.methods


if TYPE_CHECKING:

    class Typed(Agent):
        @job
        async def work(self, run: Run, topic: str, deep: bool = False) -> int:
            a: str = await run.step(self.fetch, 3)
            b: int = await run.tick(self.apply, "x")
            await run.step(self.fetch, "3")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
            await run.tick(self.apply, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
            return len(a) + b

        async def fetch(self, n: int) -> str:
            return str(n)

        async def apply(self, n: str) -> int:
            return int(n)

        @action
        async def begin(self) -> None:
            ref: JobRef[int] = self.start("a", self.work, "x", deep=True)
            self.start(None, self.work)  # type: ignore[call-arg]  # pyright: ignore[reportArgumentType, reportCallIssue]
            self.start(None, self.work, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
            self.start(None, self.fetch, 3)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportArgumentType, reportCallIssue]
            other: JobRef[str] = self.start("a", self.work, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
            self.cancel(ref)
            self.cancel(other)
