"""The report as one HTML page that needs nothing beside it: to be published as it is."""

from __future__ import annotations

from html import escape
from typing import Final

from .guarantees import RULES, Guarantee
from .report import CaseResult, Document, Result

STYLE: Final = """\
:root { color-scheme: light dark; --line: #d9dce3; --soft: #5d6675; --good: #12753f; --bad: #b3261e; --none: #8a6100;
  --back: #fff; --card: #f6f7f9; --text: #15181e }
@media (prefers-color-scheme: dark) { :root { --line: #333a46; --soft: #98a2b3; --good: #5ec48c; --bad: #ff8a80;
  --none: #e0b04d; --back: #101318; --card: #181c23; --text: #e8eaee } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem }
p { margin: .25rem 0 } .soft { color: var(--soft) } code { font: .92em ui-monospace, monospace }
.totals { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 .75rem }
.totals div { flex: 1 1 8rem; padding: .75rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem } .totals b { display: block; font-size: 1.7rem; line-height: 1.2 }
table { width: 100%; border-collapse: collapse; margin: .5rem 0 }
td, th { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--line) }
th { color: var(--soft); font-weight: 500; border: 0 } td.n { white-space: nowrap; font-variant-numeric: tabular-nums }
.good { color: var(--good) } .bad { color: var(--bad) } .none { color: var(--none) }
details { border-top: 1px solid var(--line) } summary { padding: .5rem 0; cursor: pointer }
summary b { font-weight: 600 }
pre { overflow-x: auto; padding: .75rem; background: var(--card); border-radius: .5rem; font-size: .85em }
"""
TABLE: Final = """\
<h2>Guarantees</h2>
<table><thead><tr><th>promise</th><th>here</th><th>proved by</th></tr></thead><tbody>{rows}</tbody></table>
"""
MARKS: Final = {
    "kept": "good", "broken": "bad", "not shown": "none", "passed": "good", "failed": "bad", "needs a harness": "none",
}  # fmt: skip


def page(found: Document) -> str:
    """The whole page."""
    summary = found.summary()
    title = found.titled
    rows = "".join(_guarantee(g, summary.verdict(g)) for g in found.guarantees)
    promises = TABLE.format(rows=rows) if rows else ""
    count = {what: found.count(what) for what in ("passed", "failed", "needs a harness")}
    cards = "".join(f'<div><b class="{MARKS[what] if n else ""}">{n}</b>{what}</div>' for what, n in count.items())
    can = ", ".join(f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in found.capabilities.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>
{STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{_where(found.deployment)}</p>
<p class="soft"><time datetime="{found.at.isoformat()}">{found.at:%Y-%m-%d %H:%M} UTC</time>
 · Roost {escape(found.version)}
 · suite {escape(found.suite)}, {found.catalogue} cases · modes: {", ".join(found.modes)}</p>
<div class="totals">{cards}</div>
<p>{escape(found.totals)}.</p>
<p class="soft">What it can do: {escape(can)}.</p>
{promises}<h2>Cases, by the rule they prove</h2>
{"".join(_rule(rule, cases) for rule, cases in found.by_rule())}
</body></html>
"""


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g} s" if isinstance(value, float) else str(value)


def _where(deployment: str) -> str:
    shown = escape(deployment)
    return f'<a href="{shown}">{shown}</a>' if deployment.startswith(("http://", "https://")) else shown


def _guarantee(one: Guarantee, verdict: str) -> str:
    by = ", ".join(f'<a href="#{name}"><code>{name}</code></a>' for name in one.cases)
    promise = "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(escape(one.promise).split("`")))
    return f'<tr><td>{promise}</td><td class="n {MARKS[verdict]}">{verdict}</td><td>{by}</td></tr>'


def _rule(rule: str, cases: list[CaseResult]) -> str:
    results = [one.outcome for case in cases for one in case.modes.values()]
    said = ", ".join(_marked(what, f"{results.count(what)} {what}") for what in dict.fromkeys(results))
    number = f"{rule} · " if rule.isdigit() else ""
    opened = " open" if "failed" in results else ""
    rows = "".join(_case(case) for case in cases)
    return (
        f"<details{opened}><summary><b>{number}{escape(RULES.get(rule, rule))}</b> {said}</summary>"
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def _case(case: CaseResult) -> str:
    traces = "".join(f"<pre>{escape(one.trace)}</pre>" for one in case.modes.values() if one.trace)
    name = f'<code class="soft">{case.name}</code>'
    cells = "".join(_result(mode, one) for mode, one in case.modes.items())
    return f'<tr id="{case.name}"><td>{escape(case.title)}<br>{name}{traces}</td>{cells}</tr>'


def _result(mode: str, one: Result) -> str:
    took = "" if one.seconds is None else f' <span class="soft">{one.seconds:.2f} s</span>'
    return f'<td class="n"><span class="soft">{mode}</span><br>{_marked(one.outcome, one.outcome)}{took}</td>'


def _marked(what: str, said: str) -> str:
    return f'<span class="{MARKS[what]}">{said}</span>'
