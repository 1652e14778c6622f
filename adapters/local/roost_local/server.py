"""The server of a local backend: sockets as they are, or as a platform's gateway would treat them."""

from __future__ import annotations

from roost.author.app import ASGIApp
from roost.contract.operators import Operators
from roost_server import server as servers
from roost_server.intake import Terms
from roost_server.proxies import Proxies
from roost_server.server import AgentServer
from roost_server.tls import Certificate
from roost_server.wire import Agents

from .backend import LocalBackend
from .emulate import Rules
from .gateway import EmulatedGateway


def server(
    backend: LocalBackend,
    surface: ASGIApp,
    admin_token: str | Operators | None = None,
    rules: Rules | None = None,
    *,
    loopback: bool = False,
    terms: Terms | None = None,
    certificate: Certificate | None = None,
    proxies: Proxies | None = None,
) -> AgentServer:
    """The server of a backend, not started: `await server(...).serve(sockets=[listen.bind()])`.

    `rules`: of the platform whose connections are emulated. `loopback`: it listens there.
    `terms`, `certificate`, `proxies`: see roost_server.server.
    """
    largest = backend.runtime.limits.message_in
    endpoint = Agents(backend.runtime, backend.hub, admin_token, loopback=loopback)
    if rules is not None and rules.frame is not None:
        largest = min(largest, rules.frame)
    if rules is not None and rules.gateway:
        endpoint = EmulatedGateway(backend.runtime, backend.hub, admin_token, rules, loopback=loopback)
    return servers.server(
        backend, surface, endpoint, largest, terms, certificate=certificate, proxies=proxies, loopback=loopback
    )
