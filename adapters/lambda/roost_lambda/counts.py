"""Agents that a caller has made, counted in the table: one write for each, exact over all functions.

    pk #quota#{source}#{principal}#{window}   sk name    n, ttl

A window of the rate's seconds is counted at a time, so that one conditional update counts and refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from roost.contract.quotas import Rate
from roost.engine.meter import Who

from . import rows
from .change import Change
from .client import Refused
from .table import Table


class TableCounts:
    """Fills `roost.engine.meter.Counts`. `now`: epoch seconds."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    async def spend(self, who: Who, name: str, rate: Rate) -> float | None:
        now = self._now()
        window = int(now // rate.seconds)
        end = (window + 1) * rate.seconds
        whose = blake2b("#".join(who).encode(errors="surrogatepass"), digest_size=20).hexdigest()
        change = Change()
        change.bump("n")
        change.set("ttl", rows.n(int(end) + 60))
        count = change.name("n")
        change.when(f"attribute_not_exists({count}) OR {count} < {change.value(rows.n(rate.amount))}")
        try:
            await self._table.update(f"#quota#{whose}#{window}", name, change)
        except Refused as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
            return end - now
        return None
