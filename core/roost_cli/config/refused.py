"""What `roost.yaml` may say and this version can't do: refused by name, with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from roost_chat.definitions.document import Path, Problem

from .reading import Loaded


def refused(loaded: Loaded) -> list[Problem]:
    """Each with its place."""
    return [loaded.document.problem(path, f"{'.'.join(map(str, path))}: {why}") for path, why in _all(loaded)]


def _all(loaded: Loaded) -> Iterator[tuple[Path, str]]:
    given = loaded.settings
    services = given.services
    if services.memory is not None and services.memory.backend == "postgres":
        yield (
            ("services", "memory", "backend"),
            f"memories can't be kept on {services.memory.backend} yet; write `backend: agent`: each owner's notes are "
            "then an agent's, in the store of all agents; or `backend: filesystem`",
        )
    if services.artifacts is not None:
        yield (
            ("services", "artifacts", "backend"),
            f"artifacts can't be kept on {services.artifacts.backend} yet; take it out, and write files to a place of "
            "your own from a job's step",
        )
    if services.statistics is not None and services.statistics.backend != "agent":
        yield (
            ("services", "statistics", "backend"),
            f"statistics can't be kept on {services.statistics.backend} yet; write `backend: agent`",
        )
    if not given.gateways.http.enabled:
        yield (
            ("gateways", "http", "enabled"),
            "`roost serve` is the HTTP gateway, and has no other; take it out, or listen where only this machine "
            "comes: server: { host: 127.0.0.1 }",
        )
    if given.gateways.external:
        yield (
            ("gateways", "external"),
            "gateways that are programs can't be started yet; take them out, and let each call the server over HTTP",
        )
    if given.agents.static is not None and given.agents.static.watch:
        yield (
            ("agents", "static", "watch"),
            "definitions are read at start only; write `watch: false` and restart the server after a change",
        )
    if given.agents.dynamic is not None:
        yield ("agents", "dynamic"), "definitions can't come at run time yet; put them in agents.static.path"
    for name in ("lazy_load", "cache_size"):
        if loaded.said("agents", name) and getattr(given.agents, name):
            yield ("agents", name), "it is about definitions that come at run time, which can't be had yet; take it out"
    if given.session.output_buffer_size is not None and given.session.output_buffer_size != BUFFERED:
        yield (
            ("session", "output_buffer_size"),
            f"the memory of a turn's events can't be set yet; take it out, or write {BUFFERED}",
        )
    if given.admin.allow:
        yield (
            ("admin", "allow"),
            "the admin API takes no definitions yet, so no tool can be allowed to them; take it out",
        )
    if given.pool is not None:
        yield ("pool",), "this version runs one server on one store; take it out"


BUFFERED = 1000
