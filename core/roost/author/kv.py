"""Key-value data of one agent, in its own transactional store: typed reads, writes that leave with the commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from pydantic import ValidationError

from ..contract.address import check_key
from ..contract.errors import AgentError
from ..contract.pages import Pages
from .action import describe
from .equality import adapter

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..ports import Store

T = TypeVar("T")
D = TypeVar("D")
_MISSING: Final[Any] = object()
KEY: Final = "a key of kv"


class Data(Protocol):
    """An agent's stored data during a tick, with the tick's own writes."""

    address: Address
    puts: dict[str, bytes | None]
    """What the tick has written so far, as JSON; None: deleted."""

    def reader(self) -> Store:
        """Where the committed data is read. AgentError `tick-over` after the tick's end."""
        ...

    def put(self, key: str, value: Any, *, delete: bool = False) -> None: ...


class KV:
    """Reads see this tick's own writes. Keys sort by their UTF-8 bytes."""

    __slots__ = ("_tick",)

    def __init__(self, tick: Data) -> None:
        self._tick = tick

    @overload
    async def get(self, key: str, type: type[T], /) -> T | None: ...
    @overload
    async def get(self, key: str, type: type[T], default: D, /) -> T | D: ...
    async def get(self, key: str, type: type[T], default: Any = None, /) -> Any:
        """The value checked as `type`, or `default`. AgentError when what is stored is not a `type`."""
        check_key(key, what=KEY)
        store = self._tick.reader()
        written = self._tick.puts.get(key, _MISSING)
        if written is _MISSING:
            written = (await store.get(self._tick.address, (key,))).get(key)
        return default if written is None else decode(key, type, written)

    def put(self, key: str, value: Any, /) -> None:
        """Write with the commit. At most `Limits.value` bytes as JSON."""
        self._tick.put(check_key(key, what=KEY), value)

    def delete(self, key: str, /) -> None:
        """Delete with the commit; a missing key is no error."""
        self._tick.put(check_key(key, what=KEY), _MISSING, delete=True)

    async def scan(
        self, type: type[T], /, *, prefix: str = "", after: str = "", reverse: bool = False, limit: int | None = None
    ) -> AsyncIterator[tuple[str, T]]:
        """(key, value) in key order, of the keys beyond `after`, at most `limit`; `reverse`: the last key first, and
        beyond is before. Pages through the store: large sets cost reads, not memory."""
        if limit is not None and not _countable(limit):
            raise AgentError(f"kv.scan(limit={limit!r}): it is a number of keys, 0 or more")
        tick, pages, left = self._tick, Pages(), limit
        while left is None or left > 0:
            wanted = pages.size if left is None else min(pages.size, left)
            page = list(await tick.reader().scan(tick.address, prefix, after, wanted, reverse))
            last = page[-1][0] if len(page) == wanted else None
            pages.took(len(page), sum(len(value) for _, value in page))
            for key, value in _merge(page, tick, prefix, after, last, reverse)[:left]:
                yield key, decode(key, type, value)
                left = None if left is None else left - 1
            if last is None:
                return
            after = last


def _countable(limit: object) -> bool:
    return isinstance(limit, int) and limit >= 0


def _merge(
    page: list[tuple[str, bytes]], tick: Data, prefix: str, after: str, last: str | None, reverse: bool
) -> list[tuple[str, bytes]]:
    """A page with what the tick wrote between its ends, `after` (beyond which it begins) and `last` (None: the end)."""
    low, high = (last, after or None) if reverse else (after, last)
    bottom, top = (low or "").encode(), None if high is None else high.encode()
    merged = dict(page)
    for key, value in tick.puts.items():
        raw = key.encode()
        if not key.startswith(prefix) or raw < bottom or (top is not None and raw > top) or key == after:
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return sorted(merged.items(), key=lambda item: item[0].encode(), reverse=reverse)


def decode(key: str, kind: Any, data: bytes) -> Any:
    """The stored bytes as `kind`."""
    try:
        return adapter(kind).validate_json(data, by_alias=True, by_name=True)
    except ValidationError as error:
        raise AgentError(
            f"the value at {key!r} is not a {getattr(kind, '__name__', kind)}: {describe(error)}"
        ) from error
