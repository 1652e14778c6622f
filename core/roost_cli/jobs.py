"""`roost start`, `jobs`, `job`, `cancel`, `restart`, `signal`, `answer`: jobs of an agent, what they ask and hear."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

from roost.contract.visible import visible

from .call import ARGUMENTS, arguments
from .report import moment, pretty, put, put_json, say, style, table
from .serve import Commands
from .server import add_address, add_common, ask, command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from roost_client import AgentHandle, Client

T = TypeVar("T")


def add(commands: Commands) -> None:
    starter = command(commands, "start", start, "start a job of an agent; prints its id")
    starter.epilog = ARGUMENTS
    starter.formatter_class = argparse.RawDescriptionHelpFormatter
    add_address(starter)
    starter.add_argument("job", metavar="JOB", help="the method that is the job")
    starter.add_argument("arguments", metavar="ARG", nargs="*")
    starter.add_argument("--key", metavar="KEY", help="while a job of this key lives, it is the one")
    add_common(starter)
    for name, run, about in (
        ("jobs", jobs, "list the jobs of an agent, and what they ask"),
        ("job", job, "show how a job stands, with the steps it has done; --wait for its result"),
        ("cancel", cancel, "have a job cancelled: its body tidies up, and it ends"),
        ("restart", restart, "have a job begin anew that does not fit its code any more: its journal is dropped"),
        ("signal", signal, "tell a job something: `run.wait(NAME)` gets it"),
        ("answer", answer, "answer a question of a job; `roost jobs` lists them"),
    ):
        parser = command(commands, name, run, about)
        add_address(parser)
        if name in ("job", "cancel", "restart", "signal"):
            parser.add_argument("id", metavar="JOB", help="its id")
        if name == "answer":
            parser.add_argument("question", metavar="QUESTION", help="its id")
        if name == "signal":
            parser.add_argument("name", metavar="NAME")
        if name in ("signal", "answer"):
            parser.add_argument(
                "value", metavar="VALUE", help="JSON, or a bare word for text", nargs="?" if name == "signal" else None
            )
        if name == "job":
            parser.add_argument("--wait", type=float, metavar="S", help="wait for its end, and print what it returned")
        add_common(parser)


def start(args: argparse.Namespace) -> int:
    async def work(client: Client) -> str:
        positional, named = await arguments(client, args, args.job, "start")
        found = await client.handle(args.kind, args.agent).start_with(args.job, positional, named, key=args.key)
        return found.id

    id = ask(args, work, admin=_operates(args))
    put_json({"id": id}) if args.json else put(visible(id))
    return 0


def _operates(args: argparse.Namespace) -> bool:
    """As the operator, unless a token of a caller is given: who that is decides what may be seen."""
    return not (args.token or os.environ.get("ROOST_TOKEN"))


def _ask(args: argparse.Namespace, verb: Callable[[AgentHandle], Awaitable[T]], timeout: float | None = 30) -> T:
    async def work(client: Client) -> T:
        return await verb(client.handle(args.kind, args.agent))

    return ask(args, work, admin=_operates(args), timeout=timeout)


def jobs(args: argparse.Namespace) -> int:
    async def both(handle: AgentHandle) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return await handle.jobs(), await handle.questions()

    found, questions = _ask(args, both)
    if args.json:
        put_json({"jobs": found, "questions": questions})
        return 0
    if found:
        rows = ([j["id"], j["name"], j["key"] or "", _status(j), moment(j["started"])] for j in found)
        table(["ID", "NAME", "KEY", "STATUS", "STARTED"], rows)
    else:
        say("there are no jobs, or none that this caller may read")
    for question in questions:
        who = f", for {visible(question['who'])}" if question["who"] else ""
        until = moment(question["expires"])
        put(f"{style('?', 'bold')} {question['id']}  {visible(question['text'])}  (until {until}{who})")
    return 0


def _status(job: dict[str, Any]) -> str:
    return str(job["error"]["code"]) if "error" in job else str(job.get("trouble", job["status"]))


def job(args: argparse.Namespace) -> int:
    if args.wait is not None:
        try:
            value = _ask(args, lambda handle: handle.job(args.id).result(args.wait), timeout=None)
        except TimeoutError as error:
            say(f"roost: {error}")
            return 1
        put_json({"value": value}) if args.json else put(pretty(value))
        return 0
    found = _ask(args, lambda handle: handle.job(args.id).status(steps=True))
    if args.json:
        put_json(found)
        return 0
    key = "" if found["key"] is None else f"  {visible(found['key'])}"
    put(f"{style(visible(found['name']), 'bold')}  {found['id']}{key}  {_status(found)}")
    for name in ("started", "due", "deadline", "ended"):
        if found.get(name) is not None:
            put(f"  {name:<10}{moment(found[name])}")
    who = found["by"]
    put(f"  {'by':<10}{who['source']} {visible(who['principal'])}".rstrip())
    for step in found.get("steps", ()):
        put(f"    {moment(step['at'])}  {step['kind']:<9} {visible(step['name'])}".rstrip())
    if "value" in found:
        put(pretty(found["value"]))
    elif "error" in found:
        put(pretty(found["error"]))
    return 0


def cancel(args: argparse.Namespace) -> int:
    _ask(args, lambda handle: handle.job(args.id).cancel())
    return _done(args, "is told that it is cancelled")


def restart(args: argparse.Namespace) -> int:
    _ask(args, lambda handle: handle.job(args.id).restart())
    return _done(args, "begins anew")


def signal(args: argparse.Namespace) -> int:
    value = None if args.value is None else _value(args.value)
    _ask(args, lambda handle: handle.job(args.id).signal(args.name, value))
    return _done(args, f"is told {args.name}")


def answer(args: argparse.Namespace) -> int:
    _ask(args, lambda handle: handle.answer(args.question, _value(args.value)))
    put_json({"done": "answered"}) if args.json else say("answered")
    return 0


def _done(args: argparse.Namespace, what: str) -> int:
    put_json({"done": what}) if args.json else say(visible(f"the job {args.id} {what}"))
    return 0


def _value(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word
