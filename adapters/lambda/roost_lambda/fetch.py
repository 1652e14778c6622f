"""Outbound HTTP of agents. Most functions of most apps send none, so httpx is not loaded before it is asked for:
40 ms of a cold start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from roost.fetch import Outbound
    from roost_http.fetch import HttpFetch


class LateFetch:
    """Fills the port `Fetch`."""

    def __init__(self, egress: Sequence[str] | None, *, private: bool) -> None:
        self._names = egress
        self._private = private
        self._made: HttpFetch | None = None

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        if self._made is None:
            from roost.contract.egress import Egress
            from roost_http.fetch import HttpFetch

            self._made = HttpFetch(Egress(self._names, private=self._private))
        return self._made.client(outbound, deadline)

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()
