"""`ctx.storage.sql`: the tables of an object, and its transaction."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyodide.ffi import JsException, create_once_callable, jsnull, to_js  # type: ignore[import-not-found]

from roost.contract.errors import LimitExceeded, RoostError, TransientError

from .door import Js, raw


class Sql:
    """`ctx.storage.sql`. Text and numbers go in and out; bytes that are no UTF-8 as blobs."""

    __slots__ = ("_exec", "_storage", "statements", "written")

    def __init__(self, ctx: Js) -> None:
        self._storage = raw(ctx).storage
        self._exec = self._storage.sql.exec
        self.statements = 0
        self.written = 0
        """Rows written, as the platform counts and charges them."""

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement that returns nothing; the rows it wrote."""
        self.statements += 1
        try:
            count: int = self._exec(sql, *values).rowsWritten
        except JsException as error:
            raise _fault(error) from None
        self.written += count
        return count

    def rows(self, sql: str, *values: Any) -> list[list[Any]]:
        """Execute a query; all its rows."""
        self.statements += 1
        try:
            return _plain(self._exec(sql, *values).raw().toArray().to_py())
        except JsException as error:
            raise _fault(error) from None

    def changed(self, sql: str, *values: Any) -> list[list[Any]]:
        """Like `rows`, of a statement that writes (RETURNING)."""
        self.statements += 1
        try:
            cursor = self._exec(sql, *values)
            found = _plain(cursor.raw().toArray().to_py())
            self.written += cursor.rowsWritten
        except JsException as error:
            raise _fault(error) from None
        return found

    def atomic(self, work: Callable[[], None]) -> None:
        """Run `work` in one transaction; whatever it raises rolls it back."""
        raised: list[BaseException] = []

        def inside() -> None:
            try:
                work()
            except BaseException as error:
                raised.append(error)
                raise

        try:
            self._storage.transactionSync(create_once_callable(inside))
        except BaseException as error:
            if raised:
                raise raised[0] from None
            raise _fault(error) from None

    def size(self) -> int:
        """Bytes of the object's database."""
        return int(self._storage.sql.databaseSize)


def _plain(found: list[list[Any]]) -> list[list[Any]]:
    return [[None if value is jsnull else value for value in row] for row in found]


def blob(data: bytes) -> Js:
    """Bytes as a parameter."""
    return to_js(data)


def _fault(error: BaseException) -> RoostError:
    text = str(error)
    if "TOOBIG" in text or "too big" in text:
        return LimitExceeded(f"the platform's storage refuses it: {text}", limit="commit_bytes")
    return TransientError(f"the object's storage failed: {text}", code="store-failed")
