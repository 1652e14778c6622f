"""The body of a job: a coroutine on a loop of its own that facts of the journal resume. No I/O, and no clock.

Whoever runs it delivers facts in the order of the journal, the recorded ones first, and does what it asks for. Live or
replayed, it hears the same facts one at a time, and asks for the same (docs/decisions/011).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from hashlib import blake2b
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import from_json

from ...author.asking import QuestionWork, WaitWork
from ...author.job_errors import Fatal, QuestionExpired, StepFailed, StepUnknown
from ...contract.encoding import encode
from ...contract.errors import AgentError, Rejected, RoostError, from_problem, problem
from ...contract.journal import RESUMES, Fact
from .loop import BodyLoop, Timer, body_loop
from .ordered import OrderedTask, PendingCall


class Diverged(AgentError):
    """The journal holds what the body does not ask for: its code changed under a running job."""

    default_code = "diverged"


_WHY: Final = (
    "the code of the job changed while it ran, or its body reads what differs from run to run: "
    "a clock, random numbers of its own, the order of a set, a global"
)


class Body:
    """One life of a body, from its first row. `make` gives the coroutine, for the loop it will run on."""

    def __init__(self, make: Callable[[BodyLoop], Coroutine[Any, Any, Any]], salt: int, at: float) -> None:
        self.loop = body_loop(salt, at)
        self._make = make
        self._root: OrderedTask | None = None
        self._asked: list[PendingCall] = []
        self._mail: dict[str, list[Fact]] = {}
        """Signals by name that no call waits for: the one that did was cancelled first."""
        self.taken: set[str] = set()
        """Ids of the signals that calls have taken."""
        self.questions = 0
        """How many it asked so far."""

    def begin(self) -> None:
        """Run to where it first waits. Like `deliver`, from a plain callback: inside no task."""
        Context().run(self._begin)
        self.loop.pump()

    def _begin(self) -> None:
        host = asyncio._get_running_loop()
        asyncio._set_running_loop(self.loop)
        try:
            self._root = cast(OrderedTask, self.loop.create_task(self._make(self.loop)))
        finally:
            asyncio._set_running_loop(host)

    @property
    def done(self) -> bool:
        """The body returned or raised. What the journal holds beyond that it never hears."""
        return self._root is not None and self._root.done()

    def outcome(self) -> Any:
        """What it returned; raises what it raised."""
        assert self._root is not None
        return self._root.result()

    def deliver(self, fact: Fact) -> None:
        """Resume it by the next fact, and run to where it waits again. Diverged: it asks for something else."""
        loop = self.loop
        loop.now = max(loop.now, fact.at)
        if fact.kind not in RESUMES or self.done:
            return
        if fact.kind == "cancel":
            assert self._root is not None
            self._root.cancel()
        elif fact.kind == "fired":
            timer = loop.timers.get(fact.id)
            if timer is not None:
                loop.fire(timer)
            elif not loop.knows(fact.id):
                raise _diverged(fact, None)
        elif fact.kind == "signal":
            self._signal(fact)
        else:
            self._outcome(fact)
        loop.pump()

    def check(self, fact: Fact) -> None:
        """The journal says that a call was begun, or tried. Diverged: the body asked for something else there."""
        if self.done:
            return
        call = self.loop.wanted.get(fact.id) or self.loop.passed.get(fact.id)
        if call is None or not _same(call, fact):
            raise _diverged(fact, call)

    def _signal(self, fact: Fact) -> None:
        """To the first of those who wait for this name; else to the next one who does."""
        for call in self.loop.wanted.values():
            if isinstance(call.work, WaitWork) and call.work.name == fact.name:
                del self.loop.wanted[call.id]
                self._hand(call, fact)
                return
        self._mail.setdefault(fact.name, []).append(fact)

    def _hand(self, call: PendingCall, fact: Fact) -> None:
        self.taken.add(fact.id)
        try:
            value = call.decode(fact.data)
        except (ValidationError, ValueError) as error:
            call.set_exception(
                Rejected(f"the signal {fact.name!r} is not what is waited for: {error}", code="bad-signal")
            )
        else:
            call.set_result(value)

    def _outcome(self, fact: Fact) -> None:
        call = self.loop.wanted.get(fact.id)
        if call is None:
            call = self.loop.passed.get(fact.id)
            if call is None or not _same(call, fact):
                raise _diverged(fact, call)
            return  # the body took it back meanwhile
        if not _same(call, fact):
            raise _diverged(fact, call)
        del self.loop.wanted[fact.id]
        if fact.kind == "answer":
            try:
                call.set_result(call.decode(fact.data))
            except (ValidationError, ValueError) as error:
                call.set_exception(Rejected(f"the answer is not what was asked for: {error}", code="bad-answer"))
        elif fact.kind == "expired":
            call.set_exception(QuestionExpired(f"nobody answered the question {fact.id} in time"))
        elif fact.kind == "value":
            try:
                value = call.decode(fact.data)
            except (ValidationError, ValueError) as error:
                raise Diverged(
                    f"the journal keeps a result of {fact.name} ({fact.id}) that its return annotation does not read: "
                    f"{error}. {_WHY}"
                ) from error
            call.set_result(value)
        elif fact.kind == "failed":
            call.set_exception(read_failure(fact.data))
        else:
            call.set_exception(
                StepUnknown(
                    f"{fact.name} had begun when its host died, and runs once at most: whether it took effect is not "
                    "known"
                )
            )

    def asked(self) -> list[PendingCall]:
        """What it asked for since this was last read, in that order, without what it took back."""
        fresh, self._asked = self._asked, []
        return [call for call in fresh if call.id in self.loop.wanted]

    # What Run asks through -----------------------------------------------------------------------------

    def now(self) -> float:
        return self.loop.now

    def branch(self) -> str:
        return self.loop.branch()

    def here(self) -> bool:
        return asyncio._get_running_loop() is self.loop

    def ask(
        self,
        name: str,
        arguments: bytes,
        work: Any,
        decode: Callable[[bytes], Any] = from_json,
        *,
        once: bool = False,
    ) -> asyncio.Future[Any]:
        """Ask for something, from inside the body. Its identity is given here, before any await."""
        loop = self.loop
        fingerprint = blake2b(arguments, digest_size=16).digest()
        call = PendingCall(loop, loop.next_call(), name, fingerprint, work, decode, once)
        if isinstance(work, QuestionWork):
            self.questions += 1
        elif isinstance(work, WaitWork) and (mail := self._mail.get(work.name)):
            self._hand(call, mail.pop(0))
            return call
        loop.wanted[call.id] = call
        self._asked.append(call)
        return call

    # Time ----------------------------------------------------------------------------------------------

    def next_timer(self) -> Timer | None:
        """The timer that is due first; of two the one that was set first."""
        return min(self.loop.timers.values(), key=_when, default=None)

    def due(self, now: float) -> list[str]:
        """Timers that are due, in the order in which they fire."""
        return [t.id for t in sorted(self.loop.timers.values(), key=_when) if t.when() <= now]

    def close(self) -> None:
        """Done: end what it left behind. Else put it away; a new one goes on from the journal."""
        if self.done:
            self.loop.end()
        else:
            self.loop.put_away()


def failure(error: BaseException) -> bytes:
    """An exception of a step as it is kept: nothing of it but its type, its message, and what an error of ours says."""
    doc: dict[str, Any] = {"detail": str(error), "code": StepFailed.default_code, "ours": False}
    if isinstance(error, RoostError):
        doc = problem(error) | {"ours": True}
    doc["error"] = type(error).__name__
    return encode(doc, "the error of a step")


def read_failure(data: bytes) -> RoostError:
    """What the body gets for it. Rejected and Fatal keep their class; all else is a StepFailed that names it."""
    doc = from_json(data)
    if doc.get("ours") and doc["error"] == "Rejected":
        return from_problem(doc)
    if doc.get("ours") and doc["error"] == "Fatal":
        return Fatal(str(doc["detail"]), code=str(doc["code"]), data=doc.get("data"))
    return StepFailed(str(doc["error"]), str(doc["detail"]), code=str(doc["code"]))


def _when(timer: Timer) -> float:
    return timer.when()


def _same(call: PendingCall, fact: Fact) -> bool:
    return call.name == fact.name and call.fingerprint == fact.fingerprint


def _diverged(fact: Fact, call: PendingCall | None) -> Diverged:
    what = fact.name or "a time that passed"
    if call is None:
        asks = "nothing"
    else:
        asks = call.name if call.name != fact.name else f"{call.name} with other arguments"
    return Diverged(f"the journal keeps {what} ({fact.id}) where the body now asks for {asks}: {_WHY}")
