"""How a client of an AWS service is made. On its own, since $connect needs this and nothing else.

Not boto3, whose import alone costs a cold start 100 ms.
"""

from __future__ import annotations

from typing import Any, Final

THREADS: Final = 16
CONFIG: Final[dict[str, Any]] = {
    "connect_timeout": 2, "read_timeout": 8, "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": THREADS,
}  # fmt: skip


def client(service: str) -> Any:
    """One client, with the region, the credentials and the endpoint of the environment."""
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.session import get_session  # type: ignore[import-untyped]

    session: Any = get_session()
    return session.create_client(service, config=Config(**CONFIG))
