"""`tools/*.py` of an agent's folder: each function marked `@tool` is one of its tools.

from roost_chat import run, tool

@tool
async def order(number: str) -> dict[str, str]:
    \"\"\"Find an order.\"\"\"
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from functools import wraps
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..tools import Tool, ToolOptions, as_tool
from .document import BadDefinition, Problem


def tools_in(folder: Path) -> list[Tool[Any, Any, Any]]:
    """BadDefinition: a file can't be run, or has no tool."""
    found: list[Tool[Any, Any, Any]] = []
    for path in sorted(folder.glob("tools/*.py")):
        if path.name.startswith("_"):
            continue
        here = [one for each in vars(_load(path)).values() if (one := as_tool(each)) is not None]
        if not here:
            raise BadDefinition([Problem(str(path), 0, 0, "it has no tool: mark a function with @tool of roost_chat")])
        found += [_method(one) for one in here]
    return found


def _load(path: Path) -> ModuleType:
    """The module of a file, under a name of its own: two folders may have files of one name."""
    name = f"roost_tools_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = error.lineno or 0 if isinstance(error, SyntaxError) else frames[-1].lineno or 0 if frames else 0
        what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise BadDefinition([Problem(str(path), line, 1 if line else 0, what)]) from error
    return module


def _method(made: Tool[Any, Any, Any]) -> Tool[Any, Any, Any]:
    """A function is a method that does not look at its agent; one whose first parameter is `self` is one already."""
    fn, asks = made.fn, made.asks
    signature = inspect.signature(fn)
    if next(iter(signature.parameters), None) == "self":
        return made
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)

    @wraps(fn)
    async def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await fn(*args, **kwargs)

    cast("Any", method).__signature__ = signature.replace(parameters=[me, *signature.parameters.values()])

    def look(self: Any, /, *args: Any, **kwargs: Any) -> bool:
        return asks is not None and bool(asks(*args, **kwargs))

    bound = Tool[Any, Any, Any](method, ToolOptions(made.name, made.options, made.who, made.always))
    if asks is not None:
        bound.asks = look
    return bound
