"""The platform's fetch."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import js  # type: ignore[import-not-found]
from pyodide.ffi import JsException, to_js  # type: ignore[import-not-found]

from .door import Js


class Outbound:
    """One outbound request."""

    __slots__ = ("_control",)

    def __init__(self) -> None:
        self._control = js.AbortController.new()

    async def send(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Js:
        """The platform's answer. OSError: no answer came."""
        options: dict[str, Any] = {
            "method": method, "headers": to_js(headers), "redirect": "manual", "signal": self._control.signal,
        }  # fmt: skip
        if body:
            options["body"] = to_js(body)
        try:
            return await js.fetch(url, **options)
        except JsException as error:
            raise OSError(str(error)) from None

    def abort(self) -> None:
        self._control.abort()


def answer_head(answer: Js) -> tuple[int, list[list[str]], bool]:
    """Status, headers, whether there is a body."""
    return answer.status, js.Array.from_(answer.headers).to_py(), bool(answer.body)
