"""The port suite against another DynamoDB that runs already: `python -m tests.lambda.second_opinion ENDPOINT [ITEMS]`.

Such as Amazon's own DynamoDB Local, which has the last word on conditions and keys. ITEMS: lines it takes in one
transaction (10 in its releases up to 2022): a case that needs more must be refused by name. Ends with
`N passed, M failed`.
"""

from __future__ import annotations

import asyncio
import sys

from roost.errors import LimitExceeded
from roost.testing.ports import PORT_CASES
from roost_lambda.plan import ITEMS
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

from .emulator import dynamo

PATIENCE = 120.0


async def judge(endpoint: str, items: int) -> int:
    """How many cases failed."""
    failed = 0
    for name, case in PORT_CASES.items():
        async with dynamo(endpoint) as (table, client):
            try:
                async with asyncio.timeout(PATIENCE):
                    await case.drive(DynamoStore(Table(table, client), items=items))
            except LimitExceeded as error:
                if items == ITEMS or error.limit != "commit_operations":
                    failed += 1
                    sys.stdout.write(f"{name}: {error.message}\n")
            except Exception as error:
                failed += 1
                sys.stdout.write(f"{name}: {type(error).__name__}: {error}\n")
    sys.stdout.write(f"{len(PORT_CASES) - failed} passed, {failed} failed\n")
    return failed


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(judge(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else ITEMS))))
