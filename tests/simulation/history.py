"""What happened in one run, line by line: the tail is for people, the hash for the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule does not hold. `rule` names the check that saw it."""

    rule: str
    how: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.how}"


class History:
    """Lines and counters of one run. Its hash is equal for equal runs, in any process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        self.violation: Violation | None = None
        self.over: Callable[[], object] = lambda: None
        """Called when the first rule is broken: there is no sense in going on."""
        self._clock = clock

    def note(self, what: str, text: str = "") -> None:
        """Something happened; `what` is counted."""
        self.counts[what] += 1
        self.lines.append(f"{self._clock():11.4f} {what} {text}")

    def broken(self, rule: str, how: str) -> None:
        """A rule does not hold; the first one counts."""
        self.note("violation", f"{rule}: {how}")
        if self.violation is None:
            self.violation = Violation(rule, how)
            self.over()

    def hash(self) -> str:
        return blake2b("\n".join(self.lines).encode(), digest_size=8).hexdigest()
