"""`roost completion SHELL`: a script for a shell's completion, and what it asks: which words could stand here.

Commands and options are of the parser; kinds, keys, actions and jobs of a server, if one answers within a second.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote

from .complaint import Complaint
from .report import put, put_json
from .serve import Commands
from .server import client_of

SCRIPTS: Final = {
    "bash": """\
_roost() {
    local IFS=$'\\n'
    COMPREPLY=($(roost _words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o nosort -F _roost roost
""",
    "zsh": """\
#compdef roost
_roost() {
    local -a found
    found=("${(@f)$(roost _words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _roost roost
""",
    "fish": """\
function __roost
    roost _words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c roost -a '(__roost)'
""",
}
SECONDS: Final = 1.0
"""That a server has to answer in: somebody has pressed a key."""
MOST: Final = 100
"""Keys that are offered."""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description="Print a script for the completion of a shell. It completes commands and options, and from a "
        "running server kinds, keys and actions.",
        epilog="bash: source <(roost completion bash)    zsh: source <(roost completion zsh)    "
        "fish: roost completion fish > ~/.config/fish/completions/roost.fish",
    )
    parser.add_argument("shell", choices=SCRIPTS, metavar="SHELL", help=", ".join(SCRIPTS))
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.set_defaults(run=script)


def script(args: argparse.Namespace) -> int:
    put_json({"shell": args.shell, "script": SCRIPTS[args.shell]}) if args.json else put(SCRIPTS[args.shell].rstrip())
    return 0


def offer(root: argparse.ArgumentParser, words: Sequence[str]) -> int:
    """Print what could stand in the place of the last of `words`, a line each."""
    for word in candidates(root, words, asked):
        if word.isprintable():  # a key may hold anything; a line is one word
            put(word)
    return 0


Ask = Callable[[str, Sequence[str]], list[str]]
"""What a server knows of an argument (kind, agent, action, job), given the words before it."""


def candidates(root: argparse.ArgumentParser, words: Sequence[str], ask: Ask) -> list[str]:
    """Words that begin as the last one does. `words`: those after `roost`, the last one perhaps empty."""
    *before, begun = words or [""]
    if not before:
        return _begin([*_commands(root), *_options(root)], begun)
    parser = _commands(root).get(before[0])
    if parser is None:
        return []
    options = {name: one for one in _actions(parser) for name in one.option_strings}
    given: list[str] = []
    expects: argparse.Action | None = None
    for word in before[1:]:
        if expects is not None:
            expects = None
        elif word in options:
            expects = None if options[word].nargs == 0 else options[word]
        elif not word.startswith("-"):
            given.append(word)
    if expects is not None:
        return _begin(map(str, expects.choices or ()), begun)
    if begun.startswith("-"):
        return _begin(options, begun)
    places = [one for one in _actions(parser) if not one.option_strings]
    if len(given) >= len(places):
        return []
    place = places[len(given)]
    found = map(str, place.choices) if place.choices is not None else ask(place.dest, given)
    return _begin(found, begun)


def asked(what: str, given: Sequence[str]) -> list[str]:
    """Of the server that answers here; nothing, where none does."""
    if what not in {"kind", "agent", "action", "job"}:
        return []
    try:
        return asyncio.run(_ask(what, given))
    except Exception:  # a key press is no place for a complaint
        return []


async def _ask(what: str, given: Sequence[str]) -> list[str]:
    async with asyncio.timeout(SECONDS), client_of(None, None, operator=True) as client:
        if what == "agent":
            return [row["key"] async for row in client.agents(kind=given[0], limit=MOST)][:MOST]
        paths: dict[str, Any] = (await client.openapi())["paths"]
    parts = [path.split("/")[3:] for path in paths if path.startswith("/v1/agents/")]
    if what == "kind":
        return sorted({unquote(part[0]) for part in parts if part and not part[0].startswith("{")})
    verb = "call" if what == "action" else "start"
    return sorted(unquote(part[3]) for part in parts if len(part) == 4 and part[0] == given[0] and part[2] == verb)


def _begin(found: Any, begun: str) -> list[str]:
    return [word for word in found if word.startswith(begun)]


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for one in _actions(parser) for name in one.option_strings]


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    every: list[argparse.Action] = parser._actions  # pyright: ignore[reportPrivateUsage] (argparse has no other way)
    return [one for one in every if one.help is not argparse.SUPPRESS]


def _commands(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for one in _actions(root):
        if one.dest == "command":
            choices: Any = one.choices
            return dict(choices)
    raise Complaint("this parser has no commands")
