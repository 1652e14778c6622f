"""Other objects, by name."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from pyodide.ffi import JsException  # type: ignore[import-not-found]

from roost.contract.errors import TransientError

from .door import Js, raw
from .request import raw_request


class Namespace:
    """A binding of objects of one class."""

    __slots__ = ("_named",)

    def __init__(self, env: Js, name: str) -> None:
        self._named = getattr(raw(env), name).getByName

    def stub(self, name: str) -> Js:
        return self._named(name)

    async def ask(self, name: str, text: str) -> str:
        """The RPC method `roost` of the object `name`. TransientError: it is not known whether it ran."""
        try:
            answer: str = await self.stub(name).roost(text)
        except JsException as error:
            raise TransientError(f"the object {name} could not be reached: {error}", code="unreachable") from None
        return answer

    def forward(self, name: str, request: Js) -> Js:
        """A promise of the object's answer to an HTTP request."""
        return self._named(name).fetch(raw_request(request))
