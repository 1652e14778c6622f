"""Definitions that run: tools of files and built-in ones, skills, policy; what they ask for in vain is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_ai.models.function import FunctionModel

from roost import App
from roost.testing.world import world
from roost_chat import Budget, ChatAgent, ChatBudgets, defined
from roost_chat.definitions.document import BadDefinition
from roost_chat.memory import Memories
from roost_cli import main

from .desk import SHOWN, answer, texts
from .test_definitions import RESOURCE, folder

pytestmark = pytest.mark.anyio

AGENT = """\
name: helper
model: { provider: openai, name: x }
session: { on_disconnect: pause, max_background_runtime: 1h }
tools: { builtin: [remember, notify_user] }
policy: { deny: [hidden] }
"""
SKILL = "---\ndescription: d\n---\nt"
ORDERS = '''\
from decimal import Decimal
from typing import Any

from roost_chat import run, tool


@tool
async def order(number: str) -> dict[str, str]:
    """Find an order."""
    return {"number": number, "user": run().user}


@tool(once="at_most")
async def refund(number: str, amount: Decimal) -> str:
    """Pay back."""
    return f"{amount} for {number}"


@refund.approve
def _(number: str, amount: Decimal) -> bool:
    return amount > 100


@tool
async def whoami(self: Any) -> str:
    """A method looks at its agent."""
    return str(self.key)


@tool
async def hidden() -> None:
    """Denied."""
'''


async def test_a_definition_is_an_agent(tmp_path: Path) -> None:
    folder(tmp_path, "helper", **{
        "agent.yaml": AGENT, "tools__orders.py": ORDERS, "tools___helpers.py": "raise ValueError",
        "SYSTEM_PROMPT.md": "You help.", "INSTRUCTIONS.md": "Be brief.",
        "skills__refunds__SKILL.md": "---\ndescription: How to refund\n---\nAsk first.",
    })  # fmt: skip
    helper, memories = defined(tmp_path)
    assert memories is Memories and issubclass(helper, ChatAgent)
    assert list(helper.chat_tools) == ["notify_user", "remember", "skill", "order", "refund", "whoami", "hidden"]
    assert (helper.kind, helper.model, helper.when_left) == ("helper", "openai:x", "pause")
    assert helper.max_background_runtime.total_seconds() == 3600
    assert (
        helper.instructions.startswith("You help.\n\nBe brief.\n\nSkills") and "refunds: How to" in helper.instructions
    )
    helper.model = FunctionModel(stream_function=answer)
    async with world(App([helper, memories]), seed=1) as w:
        agent = w.agent(helper, "a")
        await agent.send(
            'call order {"number":"7"}; call refund {"number":"7","amount":"5"}; call whoami; call hidden; '
            'call skill {"name":"refunds"}; call skill {"name":"x"}; call remember {"text":"a fact"}; call recall'
        )
        await w.settle()
        said = texts(await agent.messages())[-1]
        for part in (
            '"number":"7"',
            "5 for 7",
            "a ",
            "Ask first.",
            "there is no skill 'x'",
            "name: 'hidden'",
            "name: 'recall'",
        ):
            assert part in said, said
        await agent.send('call refund {"number":"7","amount":"500"}')
        await w.settle()
        [ask] = (await agent.session()).asks
        assert (ask.tool, ask.arguments) == ("refund", {"number": "7", "amount": "500"})
    assert SHOWN


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"agent.yaml": AGENT.replace("remember", "run_command")}, "the built-in tool run_command can't be used yet"),
        ({"agent.yaml": RESOURCE.replace("my-agent", "helper")}, "image can only be had in a container"),
        ({"agent.yaml": AGENT, "schedules__s.md": "---\ncron: 0 0 * * *\n---\nx"}, "schedules/*.md can't be run yet"),
        ({"agent.yaml": AGENT + "limits: { maxTickDuration: 5s }\n"}, "limits.maxTickDuration can't be kept yet"),
        ({"agent.yaml": AGENT, "tools__x.py": "x = 1"}, "tools/x.py: it has no tool"),
        ({"agent.yaml": AGENT, "tools__x.py": "\nx = 1 / 0"}, "tools/x.py:2:1: ZeroDivisionError: division by zero"),
        ({"agent.yaml": AGENT, "tools__x.py": "\n\nx = ("}, "tools/x.py:3:1: SyntaxError: '(' was never closed"),
        ({"agent.yaml": AGENT, "skills__s__SKILL.md": SKILL,
          "tools__x.py": "import roost_chat\n@roost_chat.tool\nasync def skill() -> None: ..."},
         "two tools are called skill"),
        ({"agent.yaml": AGENT, "tools__x.py": "from roost_chat import tool\n@tool\nasync def t(): ..."},
         "tools/x.py:2:1: TypeError: @tool t has no return annotation"),
    ],
)  # fmt: skip
def test_what_is_asked_for_in_vain_is_named(
    tmp_path: Path, files: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, "helper", **files)
    with pytest.raises(BadDefinition) as caught:
        defined(tmp_path)
    assert said in str(caught.value).replace(f"{tmp_path}/helper/", ""), caught.value
    assert main(["serve", "--agents-dir", str(tmp_path), "--port", "0"]) == 4
    assert said in capsys.readouterr().err.replace(f"{tmp_path}/helper/", "")


def test_wrong_use_of_the_command_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "main:app", "--agents-dir", str(tmp_path)]) == 2
    assert "give one" in capsys.readouterr().err
    assert main(["serve", "--agents-dir", str(tmp_path)]) == 4
    assert "no folder that defines an agent" in capsys.readouterr().err


def test_the_documentation_is_true(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text()
    for n, block in enumerate(re.findall(r"```yaml[^\n]*\n(.*?)```", text, re.DOTALL)):
        made = folder(tmp_path / f"{n}", "helper", **{"agent.yaml": block, "SYSTEM_PROMPT.md": "You help."}).parent
        (helper, *_) = defined(made)
        assert issubclass(helper, ChatAgent) and (helper.kind, helper.model) == ("helper", "openai:gpt-5-mini")
    block = re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL)[0]
    found: dict[str, object] = {}
    exec(block.replace('"agents"', repr(str(tmp_path / "0"))), found)
    assert isinstance(found["app"], App)


def test_a_budget_comes_with_who_keeps_it(tmp_path: Path) -> None:
    where = folder(tmp_path, "helper", **{"agent.yaml": AGENT + "budget: { usd: 2, window: day, scope: caller }\n"})
    helper, *others = defined(tmp_path)
    assert issubclass(helper, ChatAgent) and helper.budgets == (Budget(2.0, window="day", scope="caller"),)
    assert others == [Memories, ChatBudgets]
    for wrong in ("{ usd: 2, tokens: 5 }", "{ tokens: -1 }", "{}", "{ usd: 1, scope: turn, window: day }", "5"):
        (where / "agent.yaml").write_text(AGENT + f"budget: {wrong}\n")
        with pytest.raises(BadDefinition, match=r"agent\.yaml:6"):
            defined(tmp_path)
