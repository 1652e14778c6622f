"""What a job waits for from outside, as its execution has it: signals that are not taken yet, open questions.

A signal becomes a fact when a call waits for it, and no earlier: until then it stays a note of the store, where the
next run of the job finds it. An answer, or the time that a question is over, is a fact of its call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic_core import from_json, to_json

from ...author.asking import QuestionWork, ResultWork, WaitWork
from ...contract.journal import Fact

if TYPE_CHECKING:
    from ...contract.job import Note
    from .body import Body
    from .ordered import PendingCall


class Waits:
    """Of one execution. It says which facts there are; who writes them is the execution."""

    def __init__(self) -> None:
        self._signals: dict[str, Note] = {}
        """By id, in the order in which they were told."""
        self._under_way: Counter[str] = Counter()
        """Names of signals whose fact is not heard yet, and how many."""
        self.expires: dict[str, float] = {}
        """Calls of open questions -> epoch seconds."""
        self.polls: dict[str, float] = {}
        """Calls that wait for the end of another job -> when to look next, epoch seconds."""
        self._settled: set[str] = set()
        """Calls of questions whose end is a fact that is not heard yet, or was heard."""
        self._to_ask: list[PendingCall] = []
        self._to_close: list[str] = []

    def asked(self, call: PendingCall) -> bool:
        """Whether it is answered from outside, and no step."""
        if isinstance(call.work, QuestionWork):
            self._to_ask.append(call)
            return True
        if isinstance(call.work, ResultWork):
            self.polls[call.id] = 0.0
            return True
        return isinstance(call.work, WaitWork)

    def to_ask(self) -> list[PendingCall]:
        """Questions to open now."""
        fresh, self._to_ask = self._to_ask, []
        return fresh

    def to_close(self) -> list[str]:
        """Calls of questions that the body took back."""
        closed, self._to_close = self._to_close, []
        return closed

    def look(self, body: Body) -> None:
        """The body ran."""
        for id in [x for x in self.expires if x in body.loop.passed]:
            del self.expires[id]
            self._to_close.append(id)
        for id in [x for x in self.polls if x in body.loop.passed]:
            del self.polls[id]

    def told(self, note: Note) -> None:
        """A signal that no row has."""
        self._signals.setdefault(note.id, note)

    def take(self, body: Body, now: float) -> Iterable[Fact]:
        """Facts of the signals that calls wait for."""
        if not self._signals:
            return
        waits = Counter(call.work.name for call in body.loop.wanted.values() if isinstance(call.work, WaitWork))
        waits -= self._under_way
        for note in [*self._signals.values()]:
            if waits[note.name] > 0:
                waits[note.name] -= 1
                self._under_way[note.name] += 1
                del self._signals[note.id]
                yield Fact("signal", now, note.id, note.name, data=_kept(note))

    def heard(self, fact: Fact) -> None:
        """The body heard of it."""
        if fact.kind == "signal":
            self._under_way[fact.name] -= 1
        elif fact.kind in ("answer", "expired"):
            self.expires.pop(fact.id, None)

    def over(self, call: PendingCall, answer: Note | None, now: float) -> Iterable[Fact]:
        """The question was answered, or it is closed without an answer."""
        if call.id not in self._settled:
            self._settled.add(call.id)
            self.expires.pop(call.id, None)
            if answer is None:
                yield Fact("expired", now, call.id, call.name, call.fingerprint)
            else:
                yield Fact("answer", now, call.id, call.name, call.fingerprint, _kept(answer))


def note_of(fact: Fact) -> str:
    """The id of the note that a fact of a signal, an answer or a cancellation took; else "" """
    if fact.kind in ("signal", "cancel"):
        return fact.id
    return str(from_json(fact.data)["note"]) if fact.kind == "answer" else ""


def _kept(note: Note) -> bytes:
    head = to_json({"note": note.id, "by": [note.source, note.principal], "at": note.at})
    return head[:-1] + b',"value":%s}' % (note.data or b"null")
