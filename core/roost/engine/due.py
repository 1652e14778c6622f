"""Making an agent's object from its committed state, and finding what it owes."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from ..author.action import describe
from ..contract.caller import caller_of
from ..contract.commit import Letter
from ..contract.encoding import encode
from ..contract.errors import NotFound, Quarantined, TransientError, Unreadable
from ..contract.fingerprint import fingerprint
from ..contract.result import TickResult, failed
from ..contract.trigger import JOB_END, Call, Disconnect, JobOver, Occurrence, Trigger
from .guest_codec import unpack
from .mailbox import Waiting

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..author.kind import Kind
    from ..ports import Host
    from ..tick.image import Image
    from .shared import Shared


async def build(runtime: Shared, kind: Kind, image: Image) -> Agent[Any, Any]:
    """The author's object. Quarantined when the stored state does not validate, migrated or not."""
    agent: Agent[Any, Any] = object.__new__(kind.cls)
    agent.state = load_state(kind, image.state, image.state_version)
    await runtime.furnish(agent)
    return agent


def load_state(kind: Kind, raw: bytes | None, version: int) -> Any:
    """The state model of stored bytes; the default when there are none."""
    if raw is None:
        raw, version = kind.default, kind.state_version
    if version > kind.state_version:
        raise TransientError(
            f"this state of {kind.name} was stored by a newer version of this app; deploy that version here",
            code="newer-schema", retry_after=5.0,
        )  # fmt: skip
    try:
        if version < kind.state_version:
            data: Any = from_json(raw)
            raw = encode(kind.cls.migrate(data, version), "the migrated state")
        return kind.validate(raw)
    except ValidationError as error:
        raise Quarantined(f"its stored state does not fit {kind.state_type.__name__}: {describe(error)}") from error
    except BaseException as error:  # nothing waits in here: whatever it is, it is the author's
        raise Quarantined(f"migrate from state_version {version} failed: {type(error).__name__}: {error}") from error


def letter_waiting(kind: Kind, letter: Letter, host: Host) -> Waiting:
    """A parked letter as a trigger. Its arguments are checked when it runs: the code may have changed.

    A letter that can't be read must not fail its agent's load: it runs into `Waiting.broken`, and dies like any other.
    """
    try:
        return unpack(kind, letter, host) if letter.forwarded is not None else _told(kind, letter)
    except Exception as error:  # whatever stored bytes can raise
        return _broken(letter, error)


def _broken(letter: Letter, error: Exception) -> Waiting:
    guest = letter.forwarded is not None
    trigger = Trigger(
        "call",
        Call(letter.action, internal=letter.internal),
        letter.id if letter.keyed or not guest else None,
        letter.source,
        caller_of(letter.principal or None, None, letter.source),
        letter.lane,
        letter_id="" if letter.keyed or not guest else letter.id,
    )
    waiting = Waiting(trigger, letter=None if guest else letter)
    waiting.parked_as = letter.n if guest else 0
    what = letter.action or "a trigger"
    waiting.broken = Unreadable(f"what is stored of {what} can't be read: {type(error).__name__}: {str(error)[:200]}")
    return waiting


def _told(kind: Kind, letter: Letter) -> Waiting:
    given: Mapping[str, Any] = from_json(letter.args)
    if letter.source == "admin" and letter.action == JOB_END:
        uid, outcome, *of = given["args"]
        over = JobOver(str(uid), to_json(outcome), *of)
        return Waiting(Trigger("completed", over, letter.id, "admin", None, letter.lane), letter=letter)
    trigger = Trigger(
        "call",
        Call(letter.action, tuple(given["args"]), given["kwargs"], internal=letter.internal),
        letter.id,
        letter.source,
        caller_of(letter.principal or None, letter.claims, letter.source),
        letter.lane,
    )
    waiting = Waiting(trigger, letter=letter)
    waiting.action = kind.actions.get(letter.action) or kind.methods.get(letter.action)
    waiting.fingerprint = fingerprint(letter.action, letter.args)
    return waiting


def due_now(kind: Kind, image: Image, host: Host, queued: set[Any]) -> list[tuple[Waiting, Any]]:
    """Occurrences and letters whose time has come, earliest first; each with its mark in `queued`."""
    found: list[tuple[float, Waiting, Any]] = []
    now = host.now()
    for row in image.schedules.values():
        if row.at <= now and (mark := (row.key, row.gen, row.due)) not in queued:
            trigger = Trigger("alarm", Occurrence(*mark), f"{row.key}/{row.gen}/{row.due:.3f}", "schedule")
            waiting = Waiting(trigger)
            waiting.action = kind.actions.get(row.target) or kind.methods.get(row.target)  # for its timeout
            found.append((row.at, waiting, mark))
    if image.letters:
        found += [
            (letter.next, letter_waiting(kind, letter, host), letter.n)
            for letter in image.letters.values()
            if letter.next <= now and letter.n not in queued
        ]
    if len(found) > 1:
        found.sort(key=itemgetter(0))
    return [(waiting, mark) for _, waiting, mark in found]


def missing(image: Image, trigger: Trigger, now: float) -> TickResult | None:
    """The answer to a trigger that may not create an agent and has nothing to do; None = it has (rules 20, 28)."""
    payload = trigger.payload
    if isinstance(payload, Occurrence):
        row = image.schedules.get(payload.key)
        if row is None or row.gen != payload.gen or row.due != payload.due:
            return TickResult("stale", version=image.version)
        if row.at > now:
            return TickResult("stale", version=image.version)  # early: the commit's own alarm stands
        return None
    if trigger.kind == "completed":
        return _job_missing(image, trigger)
    if isinstance(payload, Disconnect):
        return None if payload.cid in image.connections else TickResult("stale", version=image.version)
    if image.exists:
        return None
    return failed(NotFound(f"there is no agent {image.address}", code="no-agent"))


def _job_missing(image: Image, trigger: Trigger) -> TickResult | None:
    """Nothing of a job runs once it is no more: ended, or of a life before (rule 28)."""
    if isinstance(trigger.payload, JobOver):
        due = image.exists if trigger.payload.name else trigger.payload.uid in image.jobs
        return None if due else TickResult("stale", version=image.version)
    begins = f"{image.address}/job:"
    uid = (trigger.id or "").removeprefix(begins).partition("/")[0]
    if uid in image.jobs:
        return None
    return failed(NotFound(f"{image.address} has no job {uid!r} any more", code="gone"))
