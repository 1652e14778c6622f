"""What docs/security.md shows can be pasted: its code runs, its commands exist, its hooks do what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from roost import App, Rejected
from roost.contract.operators import Operators
from roost_auth import APIKeys
from roost_cli.main import parser
from roost_cli.security import findings

from .rig import credentials

TEXT = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
STRONG = {"ROOST_ADMIN_TOKEN": "a-strong-token-0123456789"}


def run(block: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "docs_security"}
    exec(compile(block, "docs/security.md", "exec"), names)
    return names


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_its_code_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COOKIE_SECRETS", f"{'new-secret-0123456789' * 2} {'old-secret-9876543210' * 2}")
    names = run(block)
    app = names.get("app")
    if isinstance(app, App):
        assert not [one for one in findings(app, STRONG) if one.level == "open"], "it leaves something open"
    else:
        assert "client" in names


@pytest.mark.anyio
async def test_the_hook_of_ones_own_lets_in_whom_it_says() -> None:
    auth = run(BLOCKS[0])["app"].auth
    assert (await auth(credentials("a-token-of-ann"))).principal == "ann"
    assert (await auth(credentials(operation="state"))).principal == ""
    for given in (("x",), ()):
        with pytest.raises(Rejected):
            await auth(credentials(*given))


def test_there_are_as_many_blocks_as_hooks() -> None:
    assert len(BLOCKS) == 5 and sum("roost_auth" in block for block in BLOCKS) == 3
    assert isinstance(run(BLOCKS[2])["app"].auth, APIKeys)


def test_its_operators_can_be_read() -> None:
    found = re.search(r'    (\{"ann": .*?\}\})\n', TEXT, re.DOTALL)
    assert found is not None
    table = json.loads(found[1].replace("sha256:6b3a...", f"sha256:{'6b3a' * 16}"))
    operators = Operators.from_environment({"ROOST_OPERATORS": json.dumps(table)})
    for token in table["ann"]["tokens"]:
        caller = operators.who(token)
        assert caller is not None and caller.principal == "ann"


def test_its_commands_can_be_given() -> None:
    lines = re.findall(r"^    (?:\$ )?(roost .*)$", TEXT, re.MULTILINE)
    assert len(lines) >= 3
    for line in [*lines, *re.findall(r"`(roost (?:key|check|audit) [^`]+)`", TEXT)]:
        parser().parse_args(shlex.split(line, comments=True)[1:])
