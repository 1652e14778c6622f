"""`roost check --security`: what an app leaves open, as far as its code and the environment tell."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from roost.author.app import App, Credentials
from roost.author.kind import Kind
from roost.contract.address import Address
from roost.contract.errors import RoostError
from roost.contract.operators import NAMED, TOKEN, Operators
from roost.contract.quotas import UNLIMITED

PATIENCE: Final = 2.0
"""Seconds that the hook gets for each question, asked without credentials."""
SECRET: Final = re.compile(r"passw|secret|token|api_?key|private|credential", re.IGNORECASE)
_EFFECTS: Final = frozenset({"tell", "schedule", "unschedule", "broadcast", "record", "put", "delete"})


@dataclass(frozen=True, slots=True)
class Finding:
    """`open`: dangerous unless it is meant; `look`: may be right, and should be known."""

    level: Literal["open", "look"]
    code: str
    text: str


def findings(app: App, environment: Mapping[str, str]) -> list[Finding]:
    """All that is to be said, what is dangerous first."""
    found = [
        *_hook(app), *_operators(environment), *_origins(app), *_readymade(app.auth), *_kinds(app), *_outside(app),
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.level != "open")


# Who may call -----------------------------------------------------------------------------------------


def _hook(app: App) -> Iterator[Finding]:
    if app.public:
        names = ", ".join(f"{kind.name}.{name}" for kind in app.kinds.values() for name in _unguarded(kind))
        yield Finding("look", "public", f"App(auth=PUBLIC): whoever reaches the app may call {names or 'nothing'}")
    elif app.auth is None:
        yield Finding(
            "open", "no-hook", "App has no auth: whoever reaches it may read and change every agent. Give it a hook "
            "(from roost_auth import JWT, APIKeys, SignedCookie), or say App(auth=PUBLIC)",
        )  # fmt: skip
    else:
        yield from _nameless(app)


def _nameless(app: App) -> Iterator[Finding]:
    """What callers without credentials may do: the hook itself is asked."""
    for kind in app.kinds.values():
        changing = [n for n in _unguarded(kind) if not kind.actions[n].options.readonly]
        called = [n for n in changing if _admits(app, kind, f"call:{n}", "POST")]
        told = [n for n in changing if n not in called and _admits(app, kind, f"tell:{n}", "POST")]
        connects = _admits(app, kind, "connect", "GET")
        if called or told:
            yield Finding(
                "open", "anonymous-calls", f"callers without a name may change {kind.name}: "
                f"{', '.join(called + told)}. Let the hook refuse them, or write @action(by=...) or (roles=...)",
            )  # fmt: skip
        elif connects and changing:
            yield Finding(
                "open", "anonymous-connects", f"callers without a name may connect to {kind.name}, and so call "
                f"{', '.join(changing)}: let the hook refuse `connect`, or write @action(by=...) or (roles=...)",
            )  # fmt: skip
        if connects and kind.client_writes:
            yield Finding(
                "open", "anonymous-writes", f"callers without a name may replace the state of {kind.name}: it has "
                "client_writes = True",
            )  # fmt: skip
        reads = [what for what in ("state", "events", "status") if _admits(app, kind, what, "GET")]
        if reads:
            yield Finding(
                "look", "anonymous-reads", f"callers without a name may read of {kind.name}: {', '.join(reads)}"
            )


def _unguarded(kind: Kind) -> list[str]:
    return sorted(name for name, action in kind.actions.items() if not action.guarded)


def _admits(app: App, kind: Kind, operation: str, method: str) -> bool:
    """Whether the hook lets in somebody who sends nothing. Whatever it raises is a refusal, as on a server."""
    assert app.auth is not None
    hook = app.auth
    asked = Credentials({}, {}, Address(kind.name, "roost-check"), operation == "connect", "", operation, method)

    async def ask() -> bool:
        async with asyncio.timeout(PATIENCE):
            return await hook(asked) is not None

    try:
        return asyncio.run(ask())
    except Exception:
        return False


def _readymade(hook: Any) -> Iterator[Finding]:
    """What the ready-made hooks can be told that is less than it could be."""
    name = f"{type(hook).__module__.partition('.')[0]}.{type(hook).__name__}"
    if name == "roost_auth.first_of":
        for one in hook.hooks:
            yield from _readymade(one)
    elif name == "roost_auth.JWT":
        if hook.audience is None:
            yield Finding(
                "open", "any-audience", "JWT(audience=None): a token that the issuer made for another service is taken "
                "here too; name the audience",
            )  # fmt: skip
        if hook.issuer is None:
            yield Finding("look", "any-issuer", "JWT without issuer=: what the keys signed is taken, whoever it names")
    elif name == "roost_auth.SignedCookie" and not hook.secure:
        yield Finding("open", "plain-cookie", "SignedCookie(secure=False): the cookie goes over plain HTTP too")


def _operators(environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        found = Operators.from_environment(environment)
    except RoostError as error:
        yield Finding("open", "weak-operator", error.message)
        return
    if not found:
        yield Finding("look", "no-operator", f"neither {TOKEN} nor {NAMED} is set: no operator can export or destroy")


# From where -------------------------------------------------------------------------------------------


def _origins(app: App) -> Iterator[Finding]:
    if "*" in app.origins:
        yield Finding("open", "any-origin", 'App(origins=["*"]): every page that a user visits may act in their name')
    plain = sorted(o for o in app.origins if o.startswith("http://") and not re.match(r"http://(localhost|127\.)", o))
    if plain:
        yield Finding("look", "plain-origin", f"pages that come without TLS may act: {', '.join(plain)}")
    if not app.hosts:
        yield Finding(
            "look",
            "any-host",
            'App(hosts=[...]) is not set: off loopback any name is answered; name yours, "example.com"',
        )


def _outside(app: App) -> Iterator[Finding]:
    if "egress" in inspect.signature(App.__init__).parameters and getattr(app, "egress", None) is None:
        yield Finding("look", "any-egress", "App(egress=[...]) is not set: agents may send requests to any public host")
    if app.quotas == UNLIMITED:
        yield Finding("look", "no-quotas", "App(quotas=UNLIMITED): one caller may use all there is")


# What the agents show and do --------------------------------------------------------------------------


def _kinds(app: App) -> Iterator[Finding]:
    for kind in app.kinds.values():
        if kind.client_writes:
            yield Finding(
                "look", "client-writes", f"clients may replace the state of {kind.name}: client_writes = True"
            )
        if kind.stateful and not kind.own_view:
            hot = sorted(name for name in kind.state_type.model_fields if SECRET.search(name))
            if hot:
                yield Finding(
                    "open", "secret-in-view", f"{kind.name} shows its whole state to whoever may connect or read it, "
                    f"and with it {', '.join(hot)}: write view()",
                )  # fmt: skip
        if "on_request" in kind.hooks and _changes_on_get(kind):
            yield Finding(
                "look", "request-changes", f"{kind.name}.on_request changes something and looks at no request.method: "
                "a GET can come from any page",
            )  # fmt: skip


def _changes_on_get(kind: Kind) -> bool:
    """Whether `on_request` seems to change something whatever the method: read from its source, so a guess."""
    try:
        source = textwrap.dedent(inspect.getsource(kind.cls.on_request))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError):
        return False
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return "method" not in names and any(_is_change(node) for node in ast.walk(tree))


def _is_change(node: ast.AST) -> bool:
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(ast.unparse(target).startswith("self.state") for target in targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in _EFFECTS and ast.unparse(node.func).startswith("self.")
    return False
