"""What a job's body may not reach: whatever would come out otherwise when the job is replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from ...contract.errors import AgentError


class Unjournaled(AgentError):
    """The body reached for something whose outcome no journal keeps."""

    default_code = "unjournaled"


REFUSED: Final[dict[str, tuple[str, ...]]] = {
    "threads (asyncio.to_thread, an executor)": ("run_in_executor", "set_default_executor"),
    "the network (sockets, HTTP clients, databases)": (
        "getaddrinfo", "getnameinfo", "create_connection", "create_server", "create_unix_connection",
        "create_unix_server", "create_datagram_endpoint", "start_tls", "connect_accepted_socket", "sendfile",
        "sock_recv", "sock_recv_into", "sock_recvfrom",
        "sock_recvfrom_into", "sock_sendto", "sock_sendall", "sock_connect",
        "sock_accept", "sock_sendfile", "add_reader", "remove_reader", "add_writer", "remove_writer",
        "connect_read_pipe", "connect_write_pipe",
    ),
    "processes": ("subprocess_exec", "subprocess_shell"),
    "signals": ("add_signal_handler", "remove_signal_handler"),
    "running or stopping its loop": ("run_forever", "run_until_complete", "stop", "close"),
    "changing its loop": ("set_task_factory", "set_exception_handler"),
}  # fmt: skip
"""What is refused -> the methods of an event loop that would do it."""


def refuse_unjournaled(loop: type) -> None:
    """Give the loop a method for each of `REFUSED` that says so, and what to do."""
    for what, names in REFUSED.items():
        for name in names:
            setattr(loop, name, _refusal(name, what))
    setattr(loop, "__abstractmethods__", frozenset[str]())  # noqa: B010 - mypy and pyright know it as read-only


def _refusal(name: str, what: str) -> Callable[..., NoReturn]:
    def refused(self: Any, *args: Any, **named: Any) -> NoReturn:
        raise Unjournaled(
            f"the body of a job has no use of {what}: loop.{name}. What it does must come out the same when the job is "
            "replayed; do it in a step, `await run.step(self.method, ...)`: inside a step everything works"
        )

    return refused
