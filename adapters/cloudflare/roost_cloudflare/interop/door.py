"""What the platform hands to a Worker and to an object: their context, their environment, the SDK's classes."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import js  # type: ignore[import-not-found]  # exists in Pyodide only
import workers  # type: ignore[import-not-found]
from pyodide.ffi import create_proxy  # type: ignore[import-not-found]

Js = Any
"""Something of JavaScript's."""
DurableObject: Any = workers.DurableObject
WorkerEntrypoint: Any = workers.WorkerEntrypoint


def raw(wrapped: Js) -> Js:
    """What the SDK wrapped: its wrappers convert deeply at every call."""
    for name in ("_ctx", "_env", "_binding"):
        inner = getattr(wrapped, name, None)
        if inner is not None:
            return inner
    return wrapped


def name_of(ctx: Js) -> str | None:
    """The name the object's id was made from, where the platform tells."""
    name = getattr(raw(ctx).id, "name", None)
    return name if isinstance(name, str) else None


def variables(env: Js) -> dict[str, str]:
    """The text bindings of the Worker."""
    source = raw(env)
    found: dict[str, str] = {}
    for name in js.Object.keys(source):
        value = getattr(source, name)
        if isinstance(value, str):
            found[name] = value
    return found


def wait_until(ctx: Js, work: Coroutine[Any, Any, None]) -> None:
    """Tell the platform that the object is at work until `work` ends."""
    task = asyncio.ensure_future(work)
    proxy = create_proxy(task)
    raw(ctx).waitUntil(proxy)
    task.add_done_callback(lambda _: proxy.destroy())
