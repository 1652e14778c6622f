"""DynamoDB for the tests: ministack, or another endpoint that speaks it, and a table of its own for whoever asks."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import cache

import httpx

from roost_lambda.client import Client, Lost, Refused
from roost_lambda.emulator.environment import environments
from roost_lambda.schema import table

_numbers = itertools.count()
BOOT = 60.0
"""Seconds within which an emulator must answer; a bound on failure."""


@cache
def ministack() -> str:
    """The endpoint of this process's emulator, started when first asked for, ended with the process."""
    python = environments(_say).emulator
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    environment |= {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    command = [str(python.with_name("ministack"))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.kill)
    endpoint = f"http://127.0.0.1:{port}"
    await_answer(f"{endpoint}/_ministack/health", process)
    return endpoint


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when there is an answer of any kind."""
    edge = time.monotonic() + BOOT
    while time.monotonic() < edge and process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(url)
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"{process.args!r} did not start: {process.poll()}")


def client(endpoint: str) -> Client:
    """A way to it, with credentials that mean nothing."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    return Client(endpoint=endpoint, region="us-east-1")


@asynccontextmanager
async def dynamo(endpoint: str | None = None) -> AsyncGenerator[tuple[str, Client]]:
    """(name of a table of its own, a way to it)"""
    calls = client(endpoint or ministack())
    name = f"t-{os.getpid()}-{next(_numbers)}"
    await _exists(calls, name)
    try:
        yield name, calls
    finally:
        with suppress(Lost, Refused):
            await calls("delete_table", {"TableName": name})
        calls.close()


async def _exists(calls: Client, name: str) -> None:
    """Make the table; also on a machine so busy that an answer comes too late."""
    for _ in range(10):
        with suppress(Lost, Refused):
            await calls("create_table", table(name))
        with suppress(Lost, Refused):
            await calls("describe_table", {"TableName": name})
            return
    raise AssertionError(f"the table {name} could not be made")
