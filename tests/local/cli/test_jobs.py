"""The commands of jobs against a server: what they print, for people and programs, and how they end."""

import json
from collections.abc import Iterator

import pytest

from .program import Running, write_app
from .test_commands import Shell

APP = """
from pydantic import BaseModel
from roost import Agent, App, Run, action, job

class Yes(BaseModel):
    yes: bool

class Asker(Agent):
    @action
    async def begin(self) -> str:
        return self.start("one", self.work).id

    @job
    async def work(self, run: Run) -> list[str]:
        said = await run.question(Yes, "Go on?")
        return [str(said.value.yes), await run.wait("word", str)]

    @job
    async def count(self, run: Run, what: str, times: int = 1) -> str:
        return what * times

app = App([Asker])
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("jobs")
    write_app(folder, APP)
    with Running("dev", "--port", "0", cwd=folder) as dev:
        yield Shell(folder, dev.url)


def test_a_job_is_listed_answered_told_and_read(shell: Shell) -> None:
    id = json.loads(shell("call", "asker", "a", "begin", "--json"))["result"]
    told = json.loads(shell("jobs", "asker", "a", "--json"))
    for _ in range(100):
        if told["questions"]:
            break
        told = json.loads(shell("jobs", "asker", "a", "--json"))
    [question] = told["questions"]
    text = shell("jobs", "asker", "a")
    assert id in text and "work" in text and "Go on?" in text and question["id"] in text
    assert "bad-answer" in shell("answer", "asker", "a", question["id"], '{"no": 1}', code=1)
    assert shell("answer", "asker", "a", question["id"], '{"yes": true}') == ""
    assert shell("signal", "asker", "a", id, "word", "bird") == ""
    assert json.loads(shell("job", "asker", "a", id, "--wait", "20", "--json")) == {"value": ["True", "bird"]}
    assert json.loads(shell("job", "asker", "a", id, "--json"))["status"] == "ended"
    assert "job-ended" in shell("cancel", "asker", "a", id, code=1)
    assert "job-ended" in shell("restart", "asker", "a", id, code=1)
    assert "no-job" in shell("job", "asker", "a", "9.9", code=1)


def test_a_job_is_cancelled(shell: Shell) -> None:
    id = json.loads(shell("call", "asker", "b", "begin", "--json"))["result"]
    shell("cancel", "asker", "b", id)
    assert "cancelled" in shell("job", "asker", "b", id, "--wait", "20", code=1)
    assert "cancelled" in shell("jobs", "asker", "b")
    assert "none that this caller may read" not in shell("jobs", "asker", "b")


def test_a_job_is_started_by_name(shell: Shell) -> None:
    id = shell("start", "asker", "c", "count", "123", "times=2").strip()  # what the job takes as text is text
    assert json.loads(shell("job", "asker", "c", id, "--wait", "20")) == "123123"
    waiting = shell("start", "asker", "c", "work", "--key", "k").strip()
    assert shell("start", "asker", "c", "work", "--key", "k").strip() == waiting
    assert "times" in shell("start", "asker", "c", "count", "a", "many", code=1)
    assert "the jobs of asker are: count, work" in shell("start", "asker", "c", "burn", code=1)
