"""docs/contract.md against the cases and the code: `scripts/rules` prints rule -> cases -> files that cite it.

Fails on a rule that no case proves, a case or a citation of a rule that is not there, and a number cited under an old
name of the contract.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from roost_conformance.case import catalogue
from roost_conformance.guarantees import RULES
from roost_conformance.ports import PORT_CASES

ROOT: Final = Path(__file__).parents[2]
CONTRACT: Final = ROOT / "docs" / "contract.md"
SURFACES: Final = "Surfaces"
OWN: Final = frozenset({"tests/conformance/rules.py", "tests/conformance/test_rules.py"})
"""They name rules that don't exist."""
READ: Final = frozenset({".py", ".js", ".mjs", ".yaml", ".toml", ".md", ".c", ""})
CITED: Final = re.compile(r"\brules?\s((?:\d+(?:,\s|\sand\s|\sto\s)?)+)", re.IGNORECASE)
OLD: Final = re.compile(r"\b(?:semantics(?:\.md)?|design(?:\.md)?),?\s(?:section\s)?\d", re.IGNORECASE)


@dataclass(slots=True)
class Rule:
    """One rule, or one surface that cases name."""

    title: str
    cases: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])


def rules(text: str) -> dict[str, Rule]:
    """Number or name -> the rules of the contract, in its order."""
    found = re.findall(r"^(\d+)\. \*\*(.+?)\*\*", text, re.MULTILINE)
    surfaces = re.findall(r"^- \*\*([a-z]+)\*\*: (.+)", text.partition(f"## {SURFACES}")[2], re.MULTILINE)
    return {name: Rule(title.rstrip(".")) for name, title in [*found, *surfaces]}


def numbers(cited: str) -> set[int]:
    """The rules of "1, 2 and 5 to 7"."""
    out: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:\sto\s(\d+))?", cited):
        out.update(range(int(first), int(last or first) + 1))
    return out


def sources() -> Iterator[tuple[str, str]]:
    """(path, text) of what is in the repository and says which rule it keeps."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in listed:
        path = ROOT / name
        if path.suffix in READ and path.is_file() and path != CONTRACT and name not in OWN:
            yield name, path.read_text(errors="replace")


def check(contract: Mapping[str, Rule]) -> list[str]:
    """Fill in who proves and who cites each rule; what is wrong."""
    wrong: list[str] = []
    proofs = [(c.name, c.rule) for c in catalogue()] + [(c.name, c.rule) for c in PORT_CASES.values()]
    for case, proved in proofs:
        if proved in contract:
            contract[proved].cases.append(case)
        else:
            wrong.append(f"the case {case} proves rule {proved}, which docs/contract.md does not have")
    for name, text in sources():
        for number, line in enumerate(text.splitlines(), 1):
            if OLD.search(line):
                wrong.append(f"{name}:{number}: say `rule N` of docs/contract.md: {line.strip()}")
        cited = {str(n) for found in CITED.findall(text) for n in numbers(found)}
        for rule in sorted(cited, key=int):
            if rule in contract:
                contract[rule].files.append(name)
            else:
                wrong.append(f"{name} cites rule {rule}, which docs/contract.md does not have")
    wrong += [f"no case proves rule {name}: {rule.title}" for name, rule in contract.items() if not rule.cases]
    wrong += [
        f"roost_conformance/guarantees.py has no title for rule {n}" for n in contract if n.isdigit() and n not in RULES
    ]
    return wrong


def main() -> int:
    contract = rules(CONTRACT.read_text())
    wrong = check(contract)
    for name, rule in contract.items():
        sys.stdout.write(f"{name}. {rule.title}\n  cases: {', '.join(sorted(rule.cases)) or '-'}\n")
        sys.stdout.write(f"  cited: {', '.join(rule.files) or '-'}\n")
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
