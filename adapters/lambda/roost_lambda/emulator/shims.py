"""Where ministack 1.5.33 is more lenient than AWS, or slower than it needs to be. Each is one function."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import sys
import threading
from contextvars import ContextVar
from typing import Any

from . import gate, inside, snapshots
from .runtime import SNAPSHOTS
from .websocket import AT_ONCE, MESSAGE

OWN: tuple[str, ...] = (
    "BIND_HOST",
    "GATEWAY_PORT",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "AWS_SESSION_TOKEN",
    gate.VARIABLE,
    SNAPSHOTS,
)


def install() -> None:
    refuse_large_posts()
    queue_events()
    endpoints()
    logs_at_once()
    show_logs()
    runtime_api()
    parameters_of_mappings()
    snapshots.install()


def parameters_of_mappings() -> None:
    """A number that is a parameter of the template reaches a queue's poller as text, and ends each of its looks."""
    handlers: dict[str, Any] = inside.provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update = handlers["create"], handlers["update"]

    def whole(props: dict[str, Any]) -> dict[str, Any]:
        scaling = props.get("ScalingConfig")
        if not scaling:
            return props
        return props | {"ScalingConfig": {name: int(value) for name, value in scaling.items()}}

    def created(name: str, props: dict[str, Any], stack: str) -> Any:
        return create(name, whole(props), stack)

    def updated(id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        return update(id, whole(old), whole(new), stack)

    handlers["create"], handlers["update"] = created, updated


def refuse_large_posts() -> None:
    """@connections takes 128 KB a message, then 413."""
    serve = inside.apigateway.handle_connections_api

    async def limited(method: str, api: str, stage: str, cid: str, body: bytes, headers: Any) -> Any:
        if method == "POST" and len(body) > MESSAGE:
            return 413, {"x-amzn-ErrorType": "PayloadTooLargeException"}, b'{"message":"Payload too large"}'
        return await serve(method, api, stage, cid, body, headers)

    inside.apigateway.handle_connections_api = limited


def queue_events() -> None:
    """Asynchronous invocations wait in a queue, as on AWS; ministack runs each at once, in a process of its own."""
    run, accept = inside.functions._execute_function, inside.functions.invoke_async_with_retry
    queued: ContextVar[bool] = ContextVar("queued", default=False)
    slots = threading.Semaphore(AT_ONCE)

    def execute(*given: Any, **named: Any) -> Any:
        if not queued.get():
            return run(*given, **named)
        with slots:
            return run(*given, **named)

    def later(*given: Any, **named: Any) -> None:
        mark = queued.set(True)  # its thread runs in a copy of this context
        try:
            accept(*given, **named)
        finally:
            queued.reset(mark)

    inside.functions._execute_function = execute
    inside.functions.invoke_async_with_retry = later


def endpoints() -> None:
    """A function's calls reach this emulator, the management API of its WebSockets included; and what belongs to the
    emulator's own process is not in its environment."""
    made = inside.functions._provided_worker_env
    base = os.environ["AWS_ENDPOINT_URL"]

    def environment(config: Any, folder: str, port: int) -> dict[str, str]:
        found: dict[str, str] = made(config, folder, port)
        for name in OWN:
            found.pop(name, None)
        found |= {"AWS_ACCESS_KEY_ID": gate.key(), "AWS_SECRET_ACCESS_KEY": "any"}
        found["AWS_LAMBDA_RUNTIME_API"] += f"/{FRONT}"
        at = re.fullmatch(r"https://(\w+)\.execute-api\.[^/]+/(\w+)", found.get(CONNECTIONS, ""))
        if at:
            found[CONNECTIONS] = f"{base}/_aws/execute-api/{at[1]}/{at[2]}"
        return found

    inside.functions._provided_worker_env = environment


CONNECTIONS = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
FRONT = secrets.token_hex(16)
"""In front of every path of a port from which a function takes its events: AWS's client can send no header of ours."""


def logs_at_once() -> None:
    """ministack waits 50 ms after each invocation for what it may still print; that arrives with the next one."""

    def drain(worker: Any, *_: Any, **__: Any) -> str:
        text: str = worker._drain_stderr()
        return text

    inside.runtime.Worker._drain_stderr_bounded = drain


def show_logs() -> None:
    """What functions print goes to this process's output too."""
    emit = inside.functions._emit_lambda_logs

    def shown(func: Any, request: str, text: str, failed: bool, *more: Any, **named: Any) -> Any:
        if text:
            name = (func.get("config") or func).get("FunctionName", "?")
            for line in text.splitlines():
                sys.stdout.write(f"{name}: {line}\n")
            sys.stdout.flush()
        return emit(func, request, text, failed, *more, **named)

    inside.functions._emit_lambda_logs = shown


def runtime_api() -> None:
    """The port from which a function takes its events and where it leaves its answers: for that function alone, which
    knows FRONT. It answers in two small writes, too: with Nagle's algorithm each costs a delayed acknowledgement."""
    made = inside.runtime.ProvidedWorker._build_handler_class

    def built(worker: Any, *given: Any) -> Any:
        handler: Any = made(worker, *given)

        class Guarded(handler):  # type: ignore[misc]  # ministack's, made anew for each function
            disable_nagle_algorithm = True
            path: str

            def parse_request(self) -> bool:
                if not super().parse_request():  # pyright: ignore[reportUnknownMemberType]
                    return False
                names = [name.lower() for name in self.headers]
                front, rest = self.path[: len(FRONT) + 1], self.path[len(FRONT) + 1 :]
                known = hmac.compare_digest(front.encode("latin-1", "replace"), b"/" + FRONT.encode())
                if not known or gate.is_of_a_page(names) or not gate.is_here(self.headers.get_all("host") or []):
                    self.send_error(403)
                    return False
                self.path = rest
                return True

        return Guarded

    inside.runtime.ProvidedWorker._build_handler_class = built
