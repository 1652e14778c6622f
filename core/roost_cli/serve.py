"""`roost serve`: an app in production style, in one process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roost.author.config import merge, nested
from roost.contract.errors import Rejected
from roost.contract.operators import ADVICE, Operators
from roost.hosting.asyncio_host import run_through
from roost.hosting.platform import find
from roost_server.listen import Listen, is_loopback

from . import log
from .blame import short
from .complaint import BROKEN, USAGE, Complaint
from .config import applied
from .config.command import settings
from .leaving import leave
from .project import find_project, load_app, named
from .report import put, put_json

if TYPE_CHECKING:
    from roost import App
    from roost_server.options import Options
    from roost_server.proxies import Proxies
    from roost_server.tls import Certificate

    from .config.reading import Loaded

Commands = Any
"""argparse's own type of `add_subparsers()` is private."""

MEMORY = ":memory:"
SCHEMES = {"postgres": "postgres", "postgresql": "postgres"}
"""Of --store: the platform that keeps agents there."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "serve",
        help="serve an app until SIGTERM",
        description="Serve an app from one data file. SIGTERM lets running ticks end, then exits 0.",
        epilog="ROOST_ADMIN_TOKEN opens the admin routes (hibernate, export, import, destroy); without it they "
        "answer 403, and only a loopback --host is allowed.",
    )
    add_app(parser)
    parser.add_argument("--host", help="address to listen on (default: that of roost.yaml, else 127.0.0.1)")
    parser.add_argument("--port", type=port, help="0 takes any free one (default: that of roost.yaml, else 8787)")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="(default: $ROOST_CONFIG, else the project's roost.yaml, if any)"
    )
    parser.add_argument("--uds", type=Path, metavar="PATH", help="listen on a Unix socket instead")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="serve TLS: the certificate and its chain")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="the certificate's key; SIGHUP reads both again")
    parser.add_argument(
        "--proxy", action="append", default=[], metavar="NETWORK",
        help="a proxy in front, such as 10.0.0.0/8 (or unix): its word is taken for who the client is. It must set or "
        "remove X-Forwarded-For, -Proto and -Host itself",
    )  # fmt: skip
    parser.add_argument(
        "--proxy-header", choices=("x-forwarded", "forwarded"), default="x-forwarded",
        help="the headers that the proxies set (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--agents-dir",
        type=Path,
        metavar="DIR",
        help="instead of APP: the chat agents that folders define",
    )
    parser.add_argument(
        "--store", metavar="URL",
        help="keep agents in PostgreSQL instead of a data file: postgres://user@host/database (default: ROOST_STORE; "
        "a password belongs there or into ~/.pgpass, as other users see the list of processes)",
    )  # fmt: skip
    add_serving(parser)
    parser.set_defaults(run=run, agents_from=None)


def add_app(parser: argparse.ArgumentParser) -> None:
    """The argument APP."""
    parser.add_argument(
        "app", nargs="?", metavar="APP",
        help="module:attribute, for example main:app, or a file: main.py (default: [tool.roost] app)",
    )  # fmt: skip


def add_serving(parser: argparse.ArgumentParser) -> None:
    """What `serve` and `dev` have in common."""
    parser.add_argument(
        "--data", metavar="PATH", help=f"data file, or {MEMORY} to keep nothing (default: .roost/agents.db)"
    )
    parser.add_argument(
        "--idle-after", type=seconds, default=10.0, metavar="S",
        help="seconds until an idle agent leaves memory (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--config", action="append", default=[], metavar="KIND.FIELD=VALUE",
        help="config of an agent; before the environment, .env and pyproject.toml. Other users see it in the list of "
        "processes: secrets belong into the environment, .env, or a file of such lines, --config @FILE",
    )  # fmt: skip
    parser.add_argument("--log-level", choices=log.LEVELS, default="info", help="(default: %(default)s)")
    parser.add_argument("--restless", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print JSON for programs: one line once it serves")


def port(text: str) -> int:
    """A TCP port."""
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError("a port is 0 to 65535")
    return value


def seconds(text: str) -> float:
    """A positive number of seconds."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("it is a positive number of seconds")
    return value


def run(args: argparse.Namespace) -> int:
    log.set_up(args.log_level)
    project = find_project()
    loaded = settings(args.settings, project.root, os.environ)
    asked_for_data = args.data is not None
    applied.to_arguments(args, loaded)
    operators = Operators.from_environment(applied.environment(loaded))
    if args.uds is None and not is_loopback(args.host) and not operators:
        raise Complaint(
            f"--host {args.host} can be reached from other machines: set ROOST_ADMIN_TOKEN first "
            f"(a secret text; {ADVICE}), so that the admin routes are yours alone",
            USAGE,
        )
    if args.agents_dir is not None:
        target, app = str(args.agents_dir), defined_app(args, project.app)
    else:
        target = named(args.app, project)
        app = load_app(target, project)
    if loaded is not None:
        applied.to_app(app, loaded)
    exposed = args.uds is None and not is_loopback(args.host)
    if (exposed or args.proxy) and app.auth is None and not app.public:
        where = f"--host {args.host} can be reached from other machines" if exposed else "a proxy lets others in"
        raise Complaint(f"{where}, and {open_to_all(target)}", BROKEN)
    store = shared_store(args.store, loaded)
    if store is not None and asked_for_data:
        raise Complaint("--data and a store (--store, ROOST_STORE, services.session) are two places: give one", USAGE)
    data = data_file(args.data, project.data)
    if store is None:
        kept, where = "data", MEMORY if data is None else short(str(data))
    else:
        kept, where = "store", without_password(store)

    def ready(url: str) -> None:
        if args.json:
            put_json({"serving": url, "app": target, kept: where})
        else:
            put(f"roost: serving {target} on {url} ({kept} {where})")

    given = options(args, app, data, operators, project.root, Listen(args.host, args.port, args.uds))
    serve_app(app, replace(given, store=store, certificate=certificate(args), proxies=proxies(args)), ready)
    return 0


def defined_app(args: argparse.Namespace, named: str | None = None) -> App:
    """Of --agents-dir: its agents and nothing else. Complaint: a definition is wrong."""
    own = args.app or (named if args.agents_from is not None else None)
    if own is not None:
        raise Complaint(
            f"{own} and {args.agents_from or '--agents-dir'}: give one. An app takes definitions by itself: "
            f"from roost_chat import defined; App([*defined({str(args.agents_dir)!r}), ...])",
            USAGE,
        )
    if find_spec("pydantic_ai") is None or find_spec("ruamel") is None:
        raise Complaint("definitions of chat agents need: pip install 'roost[models]'", BROKEN)
    from roost import App
    from roost_chat import ChatSessions, defined, session_may
    from roost_chat.definitions.document import BadDefinition

    try:
        kinds = defined(args.agents_dir)
    except BadDefinition as error:
        raise Complaint(error.message, BROKEN) from None
    if not kinds:
        raise Complaint(f"{args.agents_dir} has no folder that defines an agent", BROKEN)
    return App([*kinds, ChatSessions], may=session_may)


def shared_store(given: str | None, loaded: Loaded | None) -> str | None:
    """Of --store, else services.session, which ROOST_STORE says too; None: agents are in a data file. Complaint: there
    is no such store."""
    session = None if loaded is None else loaded.settings.services.session
    found = given
    if not found and session is not None and session.backend == "postgres" and session.url is not None:
        found = session.url.get_secret_value()
    if not found:
        return None
    scheme, mark, _ = found.partition("://")
    if not mark or scheme not in SCHEMES:
        raise Complaint("--store is a URL, postgres://user@host/database; nothing else is known", USAGE)
    return found


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{where}{parts.path}"


def certificate(args: argparse.Namespace) -> Certificate | None:
    """Of --tls-cert and --tls-key. Complaint: one is missing, or they can't be used."""
    if args.tls_cert is None and args.tls_key is None:
        return None
    if args.tls_cert is None or args.tls_key is None:
        raise Complaint("--tls-cert and --tls-key belong together: name both PEM files", USAGE)
    from roost_server.tls import Certificate

    try:
        return Certificate(args.tls_cert, args.tls_key)
    except Rejected as error:
        raise Complaint(error.message, USAGE) from error


def proxies(args: argparse.Namespace) -> Proxies | None:
    """Of --proxy. Complaint: a network that can't be read."""
    if not args.proxy:
        return None
    from roost_server.proxies import Proxies

    try:
        return Proxies(args.proxy, args.proxy_header)
    except Rejected as error:
        raise Complaint(error.message, USAGE) from error


def open_to_all(named: str) -> str:
    """What is wrong with an app that says nothing of who may call it, and two ways out."""
    return (
        f"{named} does not say who may call it: whoever reaches it could read and change every agent.\n"
        "  Give it a hook, App(..., auth=hook), or say that all may: from roost import PUBLIC; App(..., auth=PUBLIC)"
    )


def options(
    args: argparse.Namespace, app: App, data: Path | None, operators: Operators, root: Path, listen: Listen
) -> Options:
    """What `serve` and `dev` give to the server."""
    from roost_server.options import Options  # half the start-up time of a command that only asks a server

    return Options(
        listen=listen,
        data=data,
        idle_after=args.idle_after,
        admin_token=operators,
        restless=args.restless or os.environ.get("ROOST_RESTLESS") == "1",
        config=parse_config(args.config, app),
        directory=root,
    )


def serve_app(app: App, given: Options, ready: Callable[[str], None]) -> None:
    """Serve on the fastest loop there is, until a signal."""
    from roost_server.options import Serves

    platform = find("local" if given.store is None else SCHEMES[given.store.partition("://")[0]])
    assert isinstance(platform, Serves)
    serving = platform.serve(app, given, ready)  # loads it all, before what is loaded is left to the collector
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    try:
        from uvloop import new_event_loop

        factory = new_event_loop
    except ImportError:  # Windows
        pass
    calm_collector()
    with asyncio.Runner(loop_factory=factory) as runner:
        run_through(runner.get_loop(), serving)
        leave()  # closing the loop waits for every task and thread of the author's


def calm_collector() -> None:
    """Fewer passes of the garbage collector, and none over what stays anyway.

    It looks at every live object, so many agents awake make each pass long: of 10,000 schedules due at once it took
    more time than anything else. Reference counts free nearly all that a tick leaves; cycles wait a little longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def data_file(given: str | None, default: Path) -> Path | None:
    """The data file; None for memory."""
    if given == MEMORY:
        return None
    return Path(given).resolve() if given else default


def split_config(text: str) -> tuple[str, str, str]:
    """Kind, field and value of `kind.field=value`. Complaint: it has another form."""
    name, mark, value = text.partition("=")
    kind, dot, field = name.strip().partition(".")
    if not (mark and dot and kind and field):
        raise Complaint(f"--config {text!r}: it is KIND.FIELD=VALUE, for example counter.step=2", USAGE)
    return kind, field, value


def config_lines(given: list[str]) -> list[str]:
    """The settings of all --config, those of `@FILE` read: lines, empty ones and comments (#) left out."""
    out: list[str] = []
    for text in given:
        if not text.startswith("@"):
            out.append(text)
            continue
        try:
            lines = Path(text[1:]).read_text().splitlines()
        except (OSError, ValueError) as error:
            raise Complaint(f"--config {text}: the file can't be read: {error}", USAGE) from error
        out += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return out


def parse_config(given: list[str], app: App) -> dict[str, dict[str, Any]]:
    """`kind.field=value` or `kind.field.sub=value`, several times. Complaint: a kind or a field that is not there."""
    out: dict[str, dict[str, Any]] = {}
    for text in config_lines(given):
        kind, field, value = split_config(text)
        found = app.kinds.get(kind)
        if found is None:
            raise Complaint(f"--config {text!r}: no kind {kind!r}; there are: {', '.join(sorted(app.kinds))}", USAGE)
        path = field.split(".")
        if path[0] not in found.config_type.model_fields and found.config_type.model_config.get("extra") != "allow":
            fields = ", ".join(found.config_type.model_fields) or "none"
            raise Complaint(f"--config {text!r}: {kind} has no config field {field!r}; it has: {fields}", USAGE)
        out[kind] = merge(out.get(kind, {}), nested(path, value))
    return out
