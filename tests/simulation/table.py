"""`python -m tests.simulation.table`: tries every mutation and writes the table of docs/simulation.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from .mutation import Mutation
from .mutations import MUTATIONS
from .run import Outcome, simulate

BOUND: Final = 400
"""Seeds within which a mutation must be caught."""
PAGE: Final = Path(__file__).parents[2] / "docs" / "simulation.md"
_TABLE: Final = re.compile(r"(<!-- mutations -->\n).*?(<!-- /mutations -->)", re.DOTALL)


def caught(mutation: Mutation) -> Outcome | None:
    """The first seed's outcome that shows the defect; None = it got away."""
    with pytest.MonkeyPatch.context() as patch:
        mutation.patch(patch)
        for seed in range(mutation.first, mutation.first + BOUND):
            outcome = simulate(seed, mutation.store, jobs=mutation.jobs, streams=mutation.streams, told=mutation.told)
            if outcome.violation is not None:
                if outcome.violation.rule == "simulation":
                    raise AssertionError(f"the patch itself fails: {outcome.violation}")
                return outcome
    return None


def rows() -> list[str]:
    """The table, tried anew."""
    lines = ["| defect | seen by | seeds | |", "|---|---|---|---|"]
    for mutation in MUTATIONS:
        outcome = caught(mutation)
        assert outcome is not None, mutation.name
        assert outcome.violation is not None
        needed = outcome.seed - mutation.first + 1
        seeds = str(needed) if not mutation.first else f"{needed} (from {mutation.first})"
        notes = ["was real"] * mutation.bug + [mutation.store] * (mutation.store != "memory") + ["jobs"] * mutation.jobs
        notes += ["streams"] * mutation.streams + ["told"] * mutation.told
        lines.append(f"| {mutation.name} | `{outcome.violation.rule}` | {seeds} | {', '.join(notes)} |")
    return lines


def main() -> None:
    text = "\n".join(rows())
    PAGE.write_text(_TABLE.sub(lambda m: f"{m[1]}{text}\n{m[2]}", PAGE.read_text()))
    print(text)


if __name__ == "__main__":
    main()
