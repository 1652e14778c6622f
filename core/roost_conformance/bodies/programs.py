"""Random programs of a job's body: trees of what asyncio offers, and the body that carries one out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, cast

Step = Callable[[str, str], Awaitable[Any]]
"""(name, argument): ask for a step; "ok" returns `v{argument}`, "fail" raises."""

KINDS: Final = [
    "step", "step", "step", "sleep", "gather", "group", "timeout", "cancel", "first", "each", "queue", "retry",
    "shield", "event", "semaphore", "generator", "condition", "cleanup", "nested", "wait_for",
]  # fmt: skip
FLAT: Final = ["step", "step", "sleep"]


@dataclass
class Node:
    """One line of a program."""

    kind: str
    text: str = ""
    n: int = 0
    flag: bool = False
    lanes: list[list[Node]] = field(default_factory=list["list[Node]"])


def program(seed: int) -> list[Node]:
    rng = Random(seed)
    return [_node(rng, 0) for _ in range(rng.randint(1, 3))]


def _node(rng: Random, depth: int) -> Node:
    kind = rng.choice(KINDS if depth < 2 else FLAT)

    def lane() -> list[Node]:
        return [_node(rng, depth + 1) for _ in range(rng.randint(1, 2))]

    match kind:
        case "step":
            return Node(kind, rng.choice(["ok"] * 6 + ["fail"]))
        case "sleep":
            return Node(kind, n=rng.choice([0, 1, 3, 7]))
        case "gather" | "group" | "first" | "each" | "semaphore" | "nested":
            return Node(kind, flag=rng.random() < 0.5, lanes=[lane() for _ in range(rng.randint(2, 5))])
        case "timeout" | "wait_for" | "shield":
            return Node(kind, n=rng.choice([1, 2, 5]), lanes=[lane()])
        case "cancel" | "cleanup":
            return Node(kind, lanes=[lane(), lane()])
        case "queue":
            return Node(kind, n=rng.randint(2, 4), text="x" * rng.randint(3, 6))
        case "retry":
            return Node(kind, n=rng.randint(1, 3))
        case "event" | "condition":
            return Node(kind, n=rng.randint(2, 4), lanes=[lane()])
        case _:
            return Node(kind, n=rng.randint(2, 4), flag=rng.random() < 0.5)


def show(error: BaseException) -> Any:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [type(group).__name__, [show(x) for x in group.exceptions]]
    return repr(error)


class Interpreter:
    """Carries a program out. `trace` is all that the body saw, in its order."""

    def __init__(self, step: Step, now: Callable[[], float]) -> None:
        self.step = step
        self.now = now
        self.trace: list[str] = []

    def note(self, *what: object) -> None:
        self.trace.append(" ".join(map(str, what)))

    async def run(self, nodes: Sequence[Node]) -> Any:
        try:
            return await self.lane(nodes, "p")
        except Exception as error:
            return ["raised", show(error)]

    async def lane(self, nodes: Sequence[Node], at: str) -> list[Any]:
        out: list[Any] = []
        for i, node in enumerate(nodes):
            try:
                self.note(node.kind, f"{at}{i}")
                out.append(await getattr(self, f"do_{node.kind}")(node, f"{at}{i}"))
            except asyncio.CancelledError:
                self.note("cancelled", at, i)
                raise
            except TimeoutError:
                self.note("late", at)
                out.append("late")
        return out

    def lanes(self, node: Node, at: str) -> list[Any]:
        return [self.lane(lane, f"{at}.{i}") for i, lane in enumerate(node.lanes)]

    async def do_step(self, node: Node, at: str) -> Any:
        value = await self.step(node.text, at)
        self.note("got", at, value)
        return value

    async def do_sleep(self, node: Node, at: str) -> Any:
        await asyncio.sleep(node.n)
        return f"slept {self.now():.0f}"

    async def do_gather(self, node: Node, at: str) -> Any:
        got = await asyncio.gather(*self.lanes(node, at), return_exceptions=node.flag)
        return [show(g) if isinstance(g, BaseException) else g for g in got]

    async def do_group(self, node: Node, at: str) -> Any:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(lane) for lane in self.lanes(node, at)]
            return [task.result() for task in tasks]
        except BaseExceptionGroup as error:
            if not node.flag:
                raise
            return show(error)

    async def do_timeout(self, node: Node, at: str) -> Any:
        async with asyncio.timeout(node.n):
            return await self.lane(node.lanes[0], at)

    async def do_wait_for(self, node: Node, at: str) -> Any:
        return await asyncio.wait_for(self.lane(node.lanes[0], at), node.n)

    async def do_cancel(self, node: Node, at: str) -> Any:
        task = asyncio.create_task(self.lane(node.lanes[0], at + "a"))
        try:
            await self.lane(node.lanes[1], at + "b")
        finally:
            task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            return await task
        return "cancelled it"

    async def do_first(self, node: Node, at: str) -> Any:
        tasks = [asyncio.create_task(lane, name=f"{at}.{i}") for i, lane in enumerate(self.lanes(node, at))]
        out: list[Any] = []
        pending = set(tasks)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self.note("done", task.get_name())
                error = task.exception()
                out.append(show(error) if error else task.result())
            if not node.flag:
                for task in pending:
                    task.cancel()
                if pending:
                    done, pending = await asyncio.wait(pending)
                    for task in done:
                        self.note("swept", task.get_name())
        return out

    async def do_each(self, node: Node, at: str) -> Any:
        tasks = [asyncio.create_task(lane) for lane in self.lanes(node, at)]
        out: list[Any] = []
        try:
            for task in asyncio.as_completed(tasks):
                try:
                    out.append(await task)
                except Exception as error:
                    out.append(show(error))
        finally:
            for task in tasks:
                task.cancel()
        return out

    async def do_semaphore(self, node: Node, at: str) -> Any:
        semaphore = asyncio.Semaphore(2)

        async def held(lane: Any) -> Any:
            async with semaphore:
                return await lane

        got = await asyncio.gather(*map(held, self.lanes(node, at)), return_exceptions=True)
        return [show(g) if isinstance(g, BaseException) else g for g in got]

    async def do_queue(self, node: Node, at: str) -> Any:
        queue: asyncio.Queue[int] = asyncio.Queue(2)
        out: list[Any] = []

        async def worker(name: int) -> None:
            while True:
                item = await queue.get()
                try:
                    out.append([name, await self.step("ok", f"{at}q{item}")])
                finally:
                    queue.task_done()

        workers = [asyncio.create_task(worker(i)) for i in range(node.n)]
        try:
            for item in range(len(node.text)):
                await queue.put(item)
            await queue.join()
        finally:
            for task in workers:
                task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return out

    async def do_retry(self, node: Node, at: str) -> Any:
        for n in range(node.n + 1):
            try:
                return await self.step("fail" if n < node.n else "ok", f"{at}r{n}")
            except Exception:
                await asyncio.sleep(2**n)
        return None

    async def do_shield(self, node: Node, at: str) -> Any:
        task = asyncio.ensure_future(self.lane(node.lanes[0], at))
        try:
            async with asyncio.timeout(node.n):
                return await asyncio.shield(task)
        except TimeoutError:
            return ["after", await task]

    async def do_event(self, node: Node, at: str) -> Any:
        event = asyncio.Event()

        async def waits(i: int) -> Any:
            await event.wait()
            return await self.step("ok", f"{at}e{i}")

        tasks = [asyncio.create_task(waits(i)) for i in range(node.n)]
        try:
            await self.lane(node.lanes[0], at)
        finally:
            event.set()
        return await asyncio.gather(*tasks)

    async def do_condition(self, node: Node, at: str) -> Any:
        condition = asyncio.Condition()
        turn = 0

        async def waits(i: int) -> Any:
            nonlocal turn
            async with condition:
                await condition.wait_for(lambda: turn >= i)
                value = await self.step("ok", f"{at}c{i}")
                turn += 1
                condition.notify_all()
                return value

        return await asyncio.gather(*(waits(i) for i in reversed(range(node.n))))

    async def do_generator(self, node: Node, at: str) -> Any:
        async def values() -> AsyncIterator[Any]:
            try:
                for i in range(node.n):
                    yield await self.step("ok", f"{at}g{i}")
            finally:
                self.note("closed", at)

        out: list[Any] = []
        async for value in values():
            out.append(value)
            if node.flag:
                break
        return out

    async def do_cleanup(self, node: Node, at: str) -> Any:
        async def undone() -> Any:
            try:
                return await self.lane(node.lanes[0], at + "a")
            finally:
                await self.step("ok", f"{at}undo")
                self.note("undone", at)

        task = asyncio.create_task(undone())
        with suppress(Exception):
            await self.lane(node.lanes[1], at + "b")
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "undone"

    async def do_nested(self, node: Node, at: str) -> Any:
        async def deep(i: int, lane: Sequence[Node]) -> Any:
            return await asyncio.gather(
                self.lane(lane, f"{at}.{i}x"), self.lane(lane, f"{at}.{i}y"), return_exceptions=True
            )

        with suppress(Exception):
            async with asyncio.TaskGroup() as group:
                for i, lane in enumerate(node.lanes):
                    group.create_task(deep(i, lane))
        return "nested"
