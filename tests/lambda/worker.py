"""One of several processes that call the same agents: `TABLE ENDPOINT NAME CALLS CALLERS AGENTS`.

Prints each acknowledged result beside its agent's key. Doorbells that come due in this process are answered by it.
"""

from __future__ import annotations

import asyncio
import sys

from roost.contract.address import Address
from roost.contract.errors import TransientError

from .emulator import client
from .hosts import Fleet, increment


async def work(table: str, endpoint: str, name: str, calls: int, callers: int, agents: int) -> None:
    calls_to = client(endpoint)
    fleet = Fleet(table, calls_to)
    fleet.start()
    host = fleet.host()
    left = iter(range(calls))

    async def caller() -> None:
        for n in left:
            address = Address("counter", f"a{n % agents}")
            while True:
                result = await host.dispatch(address, increment(f"{name}-{n}"))
                if not isinstance(result.error, TransientError):
                    sys.stdout.write(f"{address.key} {int(result.get())}\n")
                    break

    await asyncio.gather(*(caller() for _ in range(callers)))
    await fleet.settle()
    await fleet.stop()
    calls_to.close()


if __name__ == "__main__":
    _, table, endpoint, name, calls, callers, agents = sys.argv
    asyncio.run(work(table, endpoint, name, int(calls), int(callers), int(agents)))
