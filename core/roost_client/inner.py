"""Async generators inside others: closed by who reads them, and by nobody else.

A loop that ends closes all generators it knows at once. One that is closed while the generator around it closes it too
fails with a traceback, after a plain `break`. So the loop is told of the outermost only.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Inner(Generic[T]):
    """`source`, unknown to the loop. Its reader must close it: `async with aclosing(Inner(...))`."""

    __slots__ = ("_begun", "_source")

    def __init__(self, source: AsyncGenerator[T, None]) -> None:
        self._source = source
        self._begun = False

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        if self._begun:
            return self._source.__anext__()
        self._begun = True
        hooks = sys.get_asyncgen_hooks()  # a generator asks for them once, when it is first told to go on
        sys.set_asyncgen_hooks(None, None)
        try:
            return self._source.__anext__()
        finally:
            sys.set_asyncgen_hooks(*hooks)

    def aclose(self) -> Awaitable[None]:
        return self._source.aclose()
