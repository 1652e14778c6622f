"""AWS's services besides the table: botocore clients, made when first used, called from threads.

A call raises botocore's errors; who calls maps them.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from .services import THREADS, client


def error_code(error: BaseException) -> str:
    """A ClientError's code, "" for anything else."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


class Aws:
    """The clients of one process."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")

    def _client(self, service: str) -> Any:
        with self._lock:
            found = self._clients.get(service)
            if found is None:
                found = self._clients[service] = client(service)
            return found

    def _call(self, service: str, operation: str, given: dict[str, Any]) -> Any:
        return getattr(self._client(service), operation)(**given)

    async def call(self, service: str, operation: str, /, **given: Any) -> Any:
        """One call; what it answers."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._call, service, operation, given))
