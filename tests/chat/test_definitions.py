"""Folders that define agents: every form that must load, and what each mistake is called, with its place."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost_chat.definitions.document import BadDefinition, read
from roost_chat.definitions.folder import definition, definitions, parse
from roost_chat.definitions.forms import Flat, Resource, Whole
from roost_chat.definitions.schema import schema
from roost_cli import main

WHOLE = """\
apiVersion: duragent/v1alpha1            # or roost/v1
kind: Agent
metadata: { name: my-assistant }
spec:
  model: { provider: openrouter, name: vendor/some-model }
  system_prompt: ./SYSTEM_PROMPT.md
  session: { on_disconnect: pause }
"""
FLAT = """\
name: code-supervisor
description: Completes coding tasks by itself
session: { on_disconnect: continue, max_background_runtime: 2h }
model: { provider: anthropic, name: some-model }
tools: { builtin: [claude_code_exec, notify_user] }
"""
RESOURCE = """\
apiVersion: openagents.com/v1            # or roost.dev/v1
kind: Agent
metadata: { name: my-agent }
spec:
  image: example/agent-runtime:latest
  config: { maxTickDuration: 20s, maxStorageBytes: 1Gi }
  resources: { requests: { memory: 256Mi, cpu: 100m }, limits: { memory: 1Gi, cpu: 1000m } }
  storage: { size: 10Gi, storageClass: fast-ssd }
"""


def folder(root: Path, name: str, **files: str) -> Path:
    made = root / name
    for path, text in files.items():
        file = made / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return made


def wrong(text: str) -> list[str]:
    """What is said of this `agent.yaml`."""
    with pytest.raises(BadDefinition) as caught:
        parse(text, "agent.yaml")
    return [str(p) for p in caught.value.problems]


def test_the_whole_form(tmp_path: Path) -> None:
    made = folder(tmp_path, "my-assistant", **{
        "agent.yaml": WHOLE, "SYSTEM_PROMPT.md": "You help.\r\n", "INSTRUCTIONS.md": "Be short.",
        "policy.yaml": "deny: [run_*]\nask: ['*']\n",
        "skills__refunds__SKILL.md": "---\nname: refunds\ndescription: How to refund\nlicense: MIT\n---\nAsk first.\n",
        "schedules__daily.md": "---\ncron: 0 7 * * *\ntz: Europe/Berlin\n---\nGood morning.\n",
    })  # fmt: skip
    one = definition(made)
    assert one.model is not None and one.model.id == "openrouter:vendor/some-model"
    assert (one.system_prompt, one.instructions) == ("You help.\n", "Be short.")
    assert (one.session.on_disconnect, one.session.max_background_runtime) == ("pause", 1800)
    assert (one.policy.deny, one.policy.ask) == (("run_*",), ("*",))
    assert [(s.name, s.description, s.text) for s in one.skills] == [("refunds", "How to refund", "Ask first.")]
    assert [(s.cron, s.tz, s.text) for s in one.schedules] == [("0 7 * * *", "Europe/Berlin", "Good morning.")]
    assert type(one).model_validate_json(one.data()) == one, "its bytes do not mean it"
    assert definitions(tmp_path) == {"my-assistant": one}
    (made / "SYSTEM_PROMPT.md").write_text("You help a lot.")
    assert definition(made).digest != one.digest


def test_the_flat_form(tmp_path: Path) -> None:
    one = definition(folder(tmp_path, "code-supervisor", **{"agent.yaml": FLAT}))
    assert one.tools.builtin == ("run_command", "notify_user"), "an alias of a tool is that tool"
    assert one.session.max_background_runtime == 7200 and one.description.startswith("Completes")


def test_the_resource_form(tmp_path: Path) -> None:
    one = definition(folder(tmp_path, "my-agent", **{"agent.yaml": RESOURCE}))
    assert one.beyond == ("image", "resources", "storage"), "what only a container gives is not named"
    assert (one.limits.max_tick_duration, one.limits.max_storage_bytes) == (20, 2**30)
    form, _ = parse(RESOURCE, "agent.yaml")
    assert isinstance(form, Resource) and form.spec.resources and form.spec.resources.limits.memory == 2**30


@pytest.mark.parametrize("version", ["roost/v1", "duragent/v1alpha1"])
def test_names_of_the_whole_form(version: str) -> None:
    assert isinstance(parse(WHOLE.replace("duragent/v1alpha1", version), "f")[0], Whole)
    assert isinstance(parse(FLAT, "f")[0], Flat)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nmodle: {}\n", ["agent.yaml:2:1: modle is not known: did you mean model?"]),
        ("name: a\nsession:\n  on_disconect: pause\n", [":3:3: session.on_disconect is not known: did you mean"]),
        ("description: x\n", ["agent.yaml:1:1: name is missing"]),
        ("name: A B\n", ["agent.yaml:1:1: name: String should match"]),
        ("name: a\nname: b\n", ["agent.yaml:2:1: 'name' stands here twice"]),
        ("name: a\nsession: { max_background_runtime: soon }\n", [":2:12: session.max_background_runtime: 'soon' is"]),
        ("name: a\ntools: { builtin: [rm] }\n", ["agent.yaml:2:20: tools.builtin.0: Input should be"]),
        ("name: a\ntools: { mcp: [x] }\n", ["agent.yaml:2:1: tools: MCP servers can't be used yet"]),
        ("name: a\nmodel: { provider: p, name: '${KEY}' }\n", ["agent.yaml:2:23: model.name: ${...} is filled in"]),
        ("name: a\nmodel: gpt\n", ["agent.yaml:2:1: model: Input should be a valid"]),
        ("name: [1\n", ["agent.yaml:2:1: no YAML: expected"]),
        ("name: &x a\ndescription: *x\n", ["agent.yaml:1:7: an alias (*x)"]),
        ("name: !!python/object:os.system a\n", ["agent.yaml:1:7: the tag !!python/object:os.system"]),
        ("name: a\n---\nname: b\n", ["agent.yaml:2:1: no YAML: but found another document"]),
        ("1: a\n", ["agent.yaml:1:1: a key must be text"]),
        ("- a\n", ["agent.yaml:1:1: a definition is a table"]),
        ("", ["agent.yaml: a definition is a table"]),
        ("name: a\nlimits: { maxTickDuration: .inf }\n", ["agent.yaml:2:28: '.inf' is no float"]),
        ("apiVersion: roost/v9\nkind: Agent\nmetadata: {name: a}\nspec: {}\n", [":1:1: apiVersion: Input"]),
        ("kind: Agent\nmetadata: {name: a}\nspec: {}\n", ["agent.yaml:1:1: apiVersion is missing"]),
        ("name: a\ndescription: " + "[" * 50 + "]" * 50 + "\n", ["nested deeper than 32"]),
        ("name: a\ndescription: \x01\n", ["no YAML"]),
        ("name: a\n" + "#" * 300_000, ["longer than 262,144 bytes"]),
        ("name: a\nlimits: { maxStorageBytes: 99999999999999999999999 }\n", ["is no int"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, said: list[str]) -> None:
    found = wrong(text)
    assert len(found) == len(said) and all(part in line for line, part in zip(found, said, strict=True)), found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    made = folder(tmp_path, "a", **{
        "agent.yaml": "name: b\nsystem_prompt: ../secret\ninstructions: here\npolicy: {}\n",
        "INSTRUCTIONS.md": "and here", "policy.yaml": "denny: []\n",
        "skills__x__SKILL.md": "no table", "schedules__s.md": "---\ncron: 1\n---\n",
    })  # fmt: skip
    (made / "skills" / "out").mkdir()
    (made / "skills" / "out" / "SKILL.md").symlink_to("/etc/hostname")
    with pytest.raises(BadDefinition) as caught:
        definitions(tmp_path)
    said = "\n".join(str(p).removeprefix(f"{tmp_path}/") for p in caught.value.problems)
    for part in (
        "a/agent.yaml:1:1: the agent is called b, its folder a",
        "a/agent.yaml:2:1: system_prompt: ../secret leads out of the agent's folder",
        "a/agent.yaml:3:1: instructions is given here and in INSTRUCTIONS.md: keep one",
        "a/agent.yaml:4:1: the policy is here and in policy.yaml: keep one",
        "a/policy.yaml:1:1: denny is not known: did you mean deny?",
        "a/skills/out/SKILL.md: it leads out of the agent's folder",
        "a/skills/x/SKILL.md:1:1: it begins with a table between two lines ---: description",
        "a/schedules/s.md:2:1: cron: Input should be a valid string",
    ):
        assert part in said, said
    assert caught.value.code == "bad-definition"


def test_a_folder_without_a_definition_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / ".git").mkdir()
    with pytest.raises(BadDefinition, match=r"empty: no agent\.yaml"):
        definitions(tmp_path)
    with pytest.raises(BadDefinition, match="no such folder"):
        definitions(tmp_path / "none")


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, "a", **{"agent.yaml": "name: a\n"})
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(BadDefinition, match="defines a too"):
        definitions(tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab:-{}[]&*!|>'\"#%?, \n\t~0.", max_size=40))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    with suppress(BadDefinition):
        parse("name: a\n" + text, "agent.yaml")
    with suppress(BadDefinition):
        read(text, "any.yaml")


def test_the_schema_is_of_json_schema() -> None:
    made: Any = json.loads(json.dumps(schema()))
    assert {"Flat", "Whole", "Resource"} <= set(made["$defs"]) and len(made["anyOf"]) == 3


def test_the_command_reads_what_it_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = folder(tmp_path, "code-supervisor", **{"agent.yaml": FLAT})
    for path in (tmp_path, one, one / "agent.yaml"):
        assert main(["validate", str(path)]) == 0
        assert "code-supervisor  anthropic:some-model, run_command, notify_user" in capsys.readouterr().out
    folder(tmp_path, "broken", **{"agent.yaml": "name: broken\nmodle: x\n"})
    assert main(["validate", str(tmp_path)]) == 4
    assert f"{tmp_path}/broken/agent.yaml:2:1: modle is not known: did you mean model?" in capsys.readouterr().err
    assert main(["validate", "--json", str(tmp_path), str(one)]) == 4
    told = json.loads(capsys.readouterr().out)
    assert list(told["definitions"]) == ["code-supervisor"] and len(told["problems"]) == 1
    assert main(["validate", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()
    assert main(["validate", str(tmp_path / "none")]) == 4
    assert "none: no such folder" in capsys.readouterr().err
