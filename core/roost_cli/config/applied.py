"""Settings at work: what the command line left open, and what holds for the app."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from roost.contract.operators import NAMED, TOKEN
from roost.contract.quotas import DEFAULT, Plan, Quotas

if TYPE_CHECKING:
    from roost import App

    from .reading import Loaded

DATA_FILE = "agents.db"


def to_arguments(args: argparse.Namespace, loaded: Loaded | None) -> None:
    """Host, port, data file and folder of definitions, where the command line does not say them."""
    if loaded is not None:
        server, static = loaded.settings.server, loaded.settings.agents.static
        args.host = server.host if args.host is None else args.host
        args.port = server.port if args.port is None else args.port
        if args.data is None:
            args.data = _data(loaded)
        if static is not None and args.agents_dir is None:
            args.agents_dir = loaded.path(static.path)
            args.agents_from = f"agents.static.path of {loaded.document.file}"
    args.host = "127.0.0.1" if args.host is None else args.host
    args.port = 8787 if args.port is None else args.port


def _data(loaded: Loaded) -> str | None:
    session = loaded.settings.services.session
    if session is not None and session.backend == "memory":
        return ":memory:"
    folder = session.path if session is not None and session.path is not None else None
    if folder is None and not loaded.said("data_dir"):
        return None
    return str(loaded.path(folder or loaded.settings.data_dir) / DATA_FILE)


def environment(loaded: Loaded | None) -> Mapping[str, str]:
    """The environment that operators are read from."""
    if loaded is None:
        return os.environ
    admin = loaded.settings.admin
    if not admin.enabled:
        return {name: value for name, value in os.environ.items() if name not in (TOKEN, NAMED)}
    return os.environ if admin.token is None else {**os.environ, TOKEN: admin.token.get_secret_value()}


def to_app(app: App, loaded: Loaded) -> None:
    """The operator's limits, quotas and egress are stronger than the app's own."""
    given = loaded.settings
    if loaded.limits:
        app.limits = replace(app.limits, **cast("dict[str, Any]", loaded.limits))
    said = {name: getattr(given.quotas, name) for name in given.quotas.model_fields_set}
    if said:
        app.quotas = _quotas(app.quotas, said)
    if given.egress is not None:
        app.egress = given.egress
    _sessions(app, loaded)
    _memory(app, loaded)


def _memory(app: App, loaded: Loaded) -> None:
    memory = loaded.settings.services.memory
    base: Any = getattr(sys.modules.get("roost_chat.memory"), "Memories", None)
    if base is None or memory is None or memory.backend != "filesystem":
        return
    from roost_stores.files import NoteFiles

    folder = loaded.path(memory.path) if memory.path is not None else loaded.path(loaded.settings.data_dir) / "memory"
    for kind in app.kinds.values():
        if issubclass(kind.cls, base):
            kind.cls.kept = NoteFiles(folder)


def _quotas(own: Quotas | Plan | None, said: dict[str, Any]) -> Quotas | Plan:
    if own is None or isinstance(own, Quotas):
        return replace(own or DEFAULT, **said)
    plan = own
    return lambda caller: replace(plan(caller), **said)


def _sessions(app: App, loaded: Loaded) -> None:
    """Chat agents that don't say themselves what becomes of a turn."""
    session = loaded.settings.session
    base: Any = getattr(sys.modules.get("roost_chat.presence"), "SessionAgent", None)
    if base is None:
        return
    given: dict[str, Any] = {"when_left": session.on_disconnect}
    if session.max_background_runtime is not None:
        given["max_background_runtime"] = timedelta(seconds=session.max_background_runtime)
    for kind in app.kinds.values():
        if not issubclass(kind.cls, base):
            continue
        own = kind.cls.__mro__[: kind.cls.__mro__.index(base)]
        for name, value in given.items():
            if value is not None and not any(name in vars(one) for one in own):
                setattr(kind.cls, name, value)
