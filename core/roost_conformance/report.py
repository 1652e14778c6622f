"""The report of a run: one document (JSON), a summary of it that is small enough to keep, and text for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel

from roost import __version__
from roost.ports import Capabilities

from .case import CASES, catalogue
from .guarantees import GUARANTEES, RULES, Guarantee
from .run import Mode, Report

MODES: Final[tuple[Mode, ...]] = ("resident", "hibernating")
Verdict: TypeAlias = Literal["kept", "broken", "not shown"]


class Result(BaseModel):
    """One case in one mode. `trace`: why it failed."""

    outcome: Literal["passed", "failed", "needs a harness"]
    seconds: float | None = None
    trace: str | None = None


class CaseResult(BaseModel):
    name: str
    rule: str
    title: str
    modes: dict[Mode, Result]


class Head(BaseModel):
    """What was examined, by what, when. `modes`: those that were run."""

    format: Literal["roost-conformance", "roost-security"] = "roost-conformance"
    """The functional suite's, or that of the attacks."""
    schema_version: Literal[1] = 1
    deployment: str
    backend: str
    version: str
    """Of Roost in the deployment."""
    suite: str = __version__
    at: datetime
    capabilities: dict[str, Any]
    catalogue: int
    """Cases that there are."""
    modes: list[Mode]

    @property
    def guarantees(self) -> Sequence[Guarantee]:
        """What its cases can prove together."""
        return GUARANTEES if self.format == "roost-conformance" else ()

    @property
    def titled(self) -> str:
        name = "conformance" if self.format == "roost-conformance" else "security"
        return f"Roost {name}: {self.backend}"


class Summary(Head):
    """Names of cases; one is `passed` that passed in every mode that was run."""

    passed: list[str]
    failed: list[str]
    needs_harness: list[str]
    absent: list[str] = []
    """Not chosen for this run."""

    def verdict(self, guarantee: Guarantee) -> Verdict:
        """What this run says of a guarantee."""
        if any(name in self.failed for name in guarantee.cases):
            return "broken"
        return "kept" if all(name in self.passed for name in guarantee.cases) else "not shown"


class Document(Head):
    """The whole report."""

    cases: list[CaseResult]

    def count(self, outcome: str) -> int:
        """Cases with that outcome, each mode counted."""
        return sum(1 for case in self.cases for one in case.modes.values() if one.outcome == outcome)

    @property
    def totals(self) -> str:
        """`N passed, M failed`, and whatever was not run."""
        said = f"{self.count('passed')} passed, {self.count('failed')} failed"
        unable = self.count("needs a harness")
        if unable:
            said += f"; not run: {unable} that need a harness which kills the host"
        left = self.catalogue - len(self.cases)
        if left:
            said += f"; {left} of {self.catalogue} cases not chosen"
        missing = [mode for mode in MODES if mode not in self.modes]
        if missing and self.format == "roost-conformance":
            said += f"; the mode {' and '.join(missing)} not run: it needs a harness"
        return said

    def summary(self) -> Summary:
        """What is kept of it: no times, no traces."""

        def named(*outcomes: str) -> list[str]:
            return [c.name for c in self.cases if {o.outcome for o in c.modes.values()} & {*outcomes}]

        failed, unable = named("failed"), named("needs a harness")
        chosen = {case.name for case in self.cases}
        return Summary(
            **{name: getattr(self, name) for name in Head.model_fields},
            passed=[n for n in named("passed") if n not in failed and n not in unable],
            failed=failed,
            needs_harness=unable,
            absent=[name for name in CASES if name not in chosen] if self.format == "roost-conformance" else [],
        )

    def by_rule(self) -> list[tuple[str, list[CaseResult]]]:
        """(rule, its cases), in the order of the contract."""
        order = {rule: place for place, rule in enumerate(RULES)}
        rules = sorted({c.rule for c in self.cases}, key=lambda rule: order.get(rule, len(order)))
        return [(rule, [c for c in self.cases if c.rule == rule]) for rule in rules]


def document(
    report: Report, *, deployment: str, version: str, capabilities: Capabilities, modes: Sequence[bool]
) -> Document:
    """The report of a run that has just ended."""
    results: dict[str, dict[Mode, Result]] = {}
    for one in report.outcomes:
        outcome: Literal["passed", "failed"] = "passed" if one.trace is None else "failed"
        result = Result(outcome=outcome, seconds=round(one.seconds, 3), trace=one.trace)
        results.setdefault(one.case.name, {})[one.mode] = result
    for case, mode in report.unable:
        results.setdefault(case.name, {})[mode] = Result(outcome="needs a harness")
    cases = catalogue()
    can = asdict(capabilities)
    return Document(
        deployment=deployment,
        backend=can.pop("name"),
        version=version,
        at=datetime.now(UTC).replace(microsecond=0),
        capabilities=can,
        catalogue=len(cases),
        modes=["hibernating" if restless else "resident" for restless in modes],
        cases=[
            CaseResult(
                name=c.name, rule=c.rule, title=c.title, modes=dict(sorted(results[c.name].items(), reverse=True))
            )
            for c in cases
            if c.name in results
        ],
    )


def text(found: Document) -> str:
    """For people, on paper."""
    summary = found.summary()
    lines = [
        f"{found.titled} at {found.deployment}",
        f"{found.at:%Y-%m-%d %H:%M} UTC, Roost {found.version}, suite {found.suite}, modes: {', '.join(found.modes)}",
        "",
        found.totals,
        *(("", "Guarantees") if found.guarantees else ()),
        *(f"  {summary.verdict(g):<10} {g.promise}" for g in found.guarantees),
    ]
    for rule, cases in found.by_rule():
        lines += ["", f"Rule {rule}: {RULES.get(rule, rule)}" if rule.isdigit() else RULES.get(rule, rule)]
        for case in cases:
            said = ", ".join(
                f"{mode} {one.outcome}" + ("" if one.seconds is None else f" {one.seconds:.2f} s")
                for mode, one in case.modes.items()
            )
            lines.append(f"  {case.name}: {said}")
            lines.append(f"    {case.title}")
            lines += [f"    | {line}" for one in case.modes.values() for line in (one.trace or "").splitlines()]
    return "\n".join(lines) + "\n"
