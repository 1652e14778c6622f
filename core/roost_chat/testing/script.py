"""What a model that only plays one does, request after request.

    Script(Calls(Call("weather", city="Paris"), Call("weather", city="Oslo")), Busy(retry_after=3), Say("21 and 9"))

A conversation's n-th response is the n-th entry, however often it is asked for: a request that is sent again gets the
same. What fails (Busy, Cut) stands before the entry that then comes, and happens once a conversation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with a text, word for word."""

    text: str


@dataclass(frozen=True, slots=True, init=False)
class Call:
    """Call a tool."""

    tool: str
    args: dict[str, Any]
    id: str

    def __init__(self, tool: str, /, id: str = "", **args: Any) -> None:
        object.__setattr__(self, "tool", tool)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "id", id)


@dataclass(frozen=True, slots=True, init=False)
class Calls:
    """Call several tools at once, after saying something."""

    calls: tuple[Call, ...]
    text: str

    def __init__(self, *calls: Call, text: str = "") -> None:
        object.__setattr__(self, "calls", calls)
        object.__setattr__(self, "text", text)


@dataclass(frozen=True, slots=True)
class WrongJSON:
    """Call a tool with arguments that are no JSON."""

    tool: str
    args: str = '{"a": '


@dataclass(frozen=True, slots=True)
class Slow:
    """Take some seconds, then do what is to be done."""

    seconds: float
    then: Say | Call | Calls | WrongJSON


@dataclass(frozen=True, slots=True)
class Busy:
    """Refuse once: 429, or another status."""

    retry_after: float | None = None
    status: int = 429


@dataclass(frozen=True, slots=True)
class Cut:
    """Say something, then break off in the middle, once."""

    text: str = ""


Entry: TypeAlias = Say | Call | Calls | WrongJSON | Slow | Busy | Cut


class Script:
    """See the file's head. AssertionError: more was asked for than it has."""

    def __init__(self, *entries: Entry) -> None:
        self._turns: list[list[Entry]] = [[]]
        for entry in entries:
            self._turns[-1].append(entry)
            if not isinstance(entry, (Busy, Cut)):
                self._turns.append([])
        if not self._turns[-1]:
            self._turns.pop()
        self._failed: Counter[tuple[str, int]] = Counter()
        self.requests = 0
        """How many came, those sent again included."""

    def take(self, conversation: str, turn: int) -> Entry:
        """What the next request does. `turn`: how many responses the conversation has."""
        self.requests += 1
        assert turn < len(self._turns), f"the script has {len(self._turns)} responses, and one more was asked for"
        entries = self._turns[turn]
        done = self._failed[conversation, turn]
        entry = entries[min(done, len(entries) - 1)]
        if isinstance(entry, (Busy, Cut)):
            self._failed[conversation, turn] += 1
        return entry
