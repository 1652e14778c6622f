"""How a client of an AWS service is made. On its own, since $connect needs this and nothing else.

Not boto3, whose import alone costs a cold start 100 ms. One session makes all clients of a process: each session reads
botocore's tables of endpoints and services anew, 50 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

THREADS: Final = 16
CONFIG: Final[Mapping[str, Any]] = {
    "connect_timeout": 2, "read_timeout": 8, "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": THREADS,
}  # fmt: skip
_making: Final = threading.Lock()
"""A session is not for two threads at once; the clients it makes are."""


@cache
def _session() -> Any:
    from botocore.session import get_session  # type: ignore[import-untyped]

    return get_session()


def client(
    service: str, *, config: Mapping[str, Any] = CONFIG, endpoint: str | None = None, region: str | None = None
) -> Any:
    """One client; the credentials, and what is not given, from the environment."""
    from botocore.config import Config  # type: ignore[import-untyped]

    with _making:
        return _session().create_client(
            service, config=Config(**config), endpoint_url=endpoint, region_name=region
        )  # fmt: skip
