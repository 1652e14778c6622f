"""A machine that feeds one agent after the other by every door, and asks whether what was accepted reads back equal."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Final

import httpx
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from .door import Door, path
from .family import AGENTS
from .values import TEXT, values

NAMED: Final = frozenset({"bad-state", "not-json", "not-equal", "not-finite", "too-deep", "bad-view"})
"""Codes of errors that are the handler's own, and say so: the only answers from 500 on."""
BACKOFF: Final = 1200.0
"""Virtual seconds after which every tell has run or is a dead letter."""

_keys = itertools.count()


class Values(RuleBasedStateMachine):
    """One agent's life. `door` is set by whoever runs the machine."""

    door: ClassVar[Door]

    def __init__(self) -> None:
        super().__init__()
        self.key = f"k{next(_keys)}"
        self.name = ""
        self.shown: str | None = None
        """What `read` answers: none until a call succeeded."""
        self.kept: dict[str, str] = {}

    # Asking --------------------------------------------------------------------------------------------

    def ask(self, method: str, rest: str, body: str | None = None) -> httpx.Response:
        raw = None if body is None else body.encode("utf-8", "surrogatepass")
        answer = self.door.run(self.door.ask(method, path(self.name, self.key, rest), raw))
        code = answer.json().get("code") if answer.status_code >= 400 else None
        note(f"{method} {self.name}{rest} {(body or '')[:300]} -> {answer.status_code} {code or answer.text[:200]}")
        assert answer.status_code < 500 or code in NAMED, answer.text[:1000]
        return answer

    def call(self, action: str, *args: str) -> Any:
        """The result, or None when the call was refused; arguments are JSON texts."""
        answer = self.ask("POST", f"/call/{action}", '{"args":[' + ",".join(args) + "]}")
        return answer.json()["result"] if answer.status_code == 200 else None

    def must(self, action: str, *args: str) -> Any:
        answer = self.ask("POST", f"/call/{action}", '{"args":[' + ",".join(args) + "]}")
        assert answer.status_code == 200, answer.text[:1000]
        return answer.json()["result"]

    def dead(self) -> int:
        answer = self.ask("GET", "/dead-letters")
        return len(answer.json()["dead_letters"]) if answer.status_code == 200 else 0

    def notes(self) -> int:
        found: int = self.must("notes")
        return found

    def check(self) -> None:
        """The agent answers, and shows what it showed."""
        now = self.must("read")
        assert self.shown is None or now == self.shown, (self.shown, now)
        self.shown = now
        assert self.ask("GET", "/state").status_code == 200
        for key, value in self.kept.items():
            assert self.must("kept", f'"{key}"') == value

    # Doors ---------------------------------------------------------------------------------------------

    @initialize(name=st.sampled_from(sorted(AGENTS)))
    def choose(self, name: str) -> None:
        self.name = name

    @rule(data=st.data())
    def put(self, data: st.DataObject) -> None:
        found = self.call("put", data.draw(values(self.name)))
        if found is not None:
            self.shown = found
        self.check()

    @rule(data=st.data())
    def spoil(self, data: st.DataObject) -> None:
        self.must("read")
        answer = self.ask("POST", "/call/spoil", '{"args":[' + data.draw(values(self.name)) + "]}")
        if answer.status_code == 200:
            self.shown = None
        self.check()

    @rule(data=st.data(), key=st.sampled_from(["a", "b"]))
    def keep(self, data: st.DataObject, key: str) -> None:
        found = self.call("keep", f'"{key}"', data.draw(values(self.name)))
        if found is not None:
            self.kept[key] = found
        self.check()

    @rule(data=st.data(), route=st.sampled_from(["tell", "send", "later"]))
    def durable(self, data: st.DataObject, route: str) -> None:
        """An accepted tell or schedule runs once, or is a dead letter: it never vanishes, and stops nobody."""
        value = data.draw(values(self.name))
        before = self.notes() + self.dead()
        match route:
            case "tell":
                accepted = self.ask("POST", "/tell/note", '{"args":[' + value + "]}").status_code == 202
            case "send":
                accepted = self.ask("POST", "/call/send", '{"args":[' + value + "]}").status_code == 200
            case _:
                accepted = self.ask("POST", "/call/later", '{"args":[' + value + ",0.01]}").status_code == 200
        self.door.run(self.door.settle(BACKOFF))
        assert self.notes() + self.dead() == before + accepted
        self.check()

    @rule(data=st.data())
    def echo(self, data: st.DataObject) -> None:
        self.call("echo", data.draw(values(self.name)))
        self.check()

    @rule(data=st.data(), action=st.sampled_from(["put", "note", "echo"]), name=TEXT)
    def by_name(self, data: st.DataObject, action: str, name: str) -> None:
        """Keyword arguments, and keywords that nobody has."""
        value = data.draw(values(self.name))
        keyword = data.draw(st.sampled_from(['"value"', '"self"', '"args"', '""']))
        if self.ask("POST", f"/call/{action}", f'{{"kwargs":{{{keyword}:{value}}}}}').status_code == 200:
            self.shown = None
        self.check()

    # Between -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.shown is not None)
    @rule()
    def hibernate(self) -> None:
        assert self.ask("POST", "/hibernate").status_code == 200
        self.check()

    @precondition(lambda self: self.shown is not None)
    @rule()
    def move(self) -> None:
        """What goes out by export comes back by import."""
        notes = self.notes()
        taken = self.ask("GET", "/export")
        assert taken.status_code == 200, taken.text[:1000]
        assert self.ask("DELETE", "").status_code in (200, 204)
        assert self.ask("PUT", "/export", taken.text).status_code in (200, 201, 204)
        assert self.notes() == notes
        self.check()
