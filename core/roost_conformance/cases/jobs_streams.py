"""Rule 44: what the steps of a job say, read from any place on. The cases that kill die together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from roost_client import AgentHandle, Client, Said, said_items

from ..agents.speller import LETTERS
from ..probes.jobs import TAKEN_OVER, Jobs, job_case
from ..probes.refusal import refusal
from ..probes.talk import Talk, talk
from ..stage import Stage

ALL = "".join(chr(97 + n) for n in range(LETTERS))
HALF = ALL[: LETTERS // 2 + 1]


def speller(stage: Stage, client: Client) -> Jobs:
    jobs = Jobs(stage, client)
    jobs.agent = client.agent("speller", stage.key())
    return jobs


async def heard(
    agent: AgentHandle, id: str, name: str, until: Callable[[list[Said]], bool], after: str = "", within: float = 30.0
) -> list[Said]:
    """What a reader is told from there on, until it has heard enough; then it leaves."""
    told: list[Said] = []

    async def listen() -> None:
        async with aclosing(agent.job(id).stream(name, after=after)) as stream:
            async for one in stream:
                told.append(one)
                if until(told):
                    return

    try:
        await asyncio.wait_for(listen(), within)
    except TimeoutError:
        raise AssertionError(f"heard no more than {told}") from None
    return told


def ends(told: list[Said]) -> bool:
    return told[-1].kind == "end"


def half(told: list[Said]) -> bool:
    return len(said_items(told)) >= len(HALF)


@job_case("44", "a reader that comes back in mid-word goes on with the next letter, before the end and after it")
async def stream_resumes_to_the_letter(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        id = await jobs.begin("talk", jobs.gate.key)
        first = await heard(jobs.agent, id, "text", half)
        assert "".join(said_items(first)) == HALF, first
        again = await heard(jobs.agent, id, "text", half)
        assert again == first, "a second reader is told something else"
        await jobs.gate.arrived()
        await jobs.gate.open()
        rest = await heard(jobs.agent, id, "text", ends, first[-1].cursor)
        told = first + rest
        assert "".join(said_items(told)) == ALL == await jobs.agent.job(id).result(stage.patience), told
        assert [one.kind for one in told] == ["item"] * LETTERS + ["end"], told
        assert int(told[-1].cursor.partition(".")[2]) >= told[-2].offset
        for n in (0, 5, LETTERS - 2, LETTERS - 1, LETTERS):
            late = await heard(jobs.agent, id, "text", ends, told[n].cursor)
            assert late == (told[n + 1 :] or told[-1:]), (n, late)
        other = await heard(jobs.agent, id, "word", ends)
        assert said_items(other) == [{"n": n} for n in range(LETTERS)], other
        assert await jobs.agent.job(id).streams() == ["text", "word"]
        assert [one.kind for one in await heard(jobs.agent, id, "never", ends)] == ["end"]


@job_case("44", "a step that runs again voids what it said, and only that: its reader has what the step returned")
async def stream_of_an_attempt_that_failed_is_void(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        id = await jobs.begin("falter", stage.key())
        told = await heard(jobs.agent, id, "default", ends)
        assert said_items(told) == ["one", "two"], told
        assert [one.kind for one in told] == ["item", "reset", "item", "item", "end"], told
        assert told[1].void_from == told[0].offset and told[1].step == told[0].step != "", told


@job_case("44", "after a death in mid-word readers of before and new ones have the same text", together=True)
async def stream_is_the_same_after_a_death(stage: Stage) -> None:
    async with stage.client() as client:
        stored, fresh = speller(stage, client), speller(stage, client)
        ids: list[str] = []
        before: list[list[Said]] = []
        for jobs, name in ((stored, "talk"), (fresh, "both")):
            ids.append(await jobs.begin(name, jobs.gate.key))
            before.append(await heard(jobs.agent, ids[-1], "text", half))
            await jobs.gate.arrived(1)
        await asyncio.sleep(1.2)  # what the first one said is stored
        await stage.crash()
        for jobs in (stored, fresh):
            await jobs.again()
        for jobs, id, told in zip((stored, fresh), ids, before, strict=True):
            value = await jobs.agent.job(id).result(TAKEN_OVER)
            told += await heard(jobs.agent, id, "text", ends, told[-1].cursor)
            late = await heard(jobs.agent, id, "text", ends)
            assert said_items(told) == said_items(late), (told, late)
            assert sorted(said_items(late)) == sorted("".join(value)), late
            assert [one.kind for one in late].index("end") == len(late) - 1
            assert len([one for one in told if one.kind == "reset"]) >= 1, told


@job_case("44", "of what nobody stored before a death a cursor is told first that it is void", together=True)
async def cursor_beyond_the_cut_is_reset(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        id = await jobs.begin("talk", jobs.gate.key)
        await heard(jobs.agent, id, "text", half)
        await jobs.crashed()
        assert await jobs.agent.job(id).result(TAKEN_OVER) == ALL
        told = await heard(jobs.agent, id, "text", ends, "1.9999")
        late = await heard(jobs.agent, id, "text", ends)
        assert told[0].kind == "reset" and told[0].step == "", told
        kept = [one for one in late if one.offset < told[0].void_from]
        assert said_items(kept + told) == said_items(late) == list(ALL), (told, late)


@job_case("44", "beyond 1 MiB the oldest is cut, and a reader is told of the gap; what is kept is whole and in order")
async def stream_beyond_its_room_has_a_gap(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        id = await jobs.begin("shout", 40, 40_000)
        assert await jobs.agent.job(id).result(2 * stage.patience) == 40
        told = await heard(jobs.agent, id, "default", ends, within=60.0)
        assert [one.kind for one in told[:2]] == ["gap", "item"], [one.kind for one in told]
        kept = [int(item.partition(" ")[0]) for item in said_items(told)]
        assert kept == list(range(kept[0], 40)) and 20 <= len(kept) <= 28, kept
        assert told[0].offset + 1 == told[1].offset
        last = await heard(jobs.agent, id, "default", ends, told[1].cursor)
        assert last == told[2:]


@job_case("44", "what can't be said is refused by name, and in the body everything is", together=True)
async def stream_refuses_by_name(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        codes = await jobs.agent.job(await jobs.begin("err")).result(stage.patience)
        assert codes == [
            "bad-stream", "bad-stream", "bad-item", "limit-stream-item", "not-json", "limit-job-streams",
        ], codes  # fmt: skip
        error = await refusal(jobs.agent.job(await jobs.begin("blurt")).result(stage.patience), "unjournaled")
        assert "run.step" in error.message, error
        id = await jobs.begin("talk", None, 0.0)
        for after in ("x", "1", "1.", "-1.2", "1.2.3", "9" * 50):
            assert (await refusal(anext(jobs.agent.job(id).stream("text", after=after)), "bad-cursor")).status == 422
        for name in ("a b", "x" * 65, "\u00e9"):
            assert (await refusal(anext(jobs.agent.job(id).stream(name)), "bad-stream")).status == 422
        assert (await refusal(anext(jobs.agent.job("9.9").stream()), "no-job")).status == 404
        await jobs.agent.job(id).result(stage.patience)


@job_case("47", "whoever started a job may read what it says; to others it is not there")
async def strangers_read_no_stream(stage: Stage) -> None:
    key = stage.key()
    async with stage.client(token="user:ann") as ann, stage.client(token="user:bob") as bob:
        mine, theirs = ann.agent("speller", key), bob.agent("speller", key)
        id = await mine.call("begin", "talk", [None, 0.0])
        assert "".join(said_items(await heard(mine, id, "text", ends))) == ALL
        assert (await refusal(anext(theirs.job(id).stream("text")), "no-job")).status == 404
        assert (await refusal(theirs.job(id).streams(), "no-job")).status == 404
        denied = stage.client(token="user:ann;deny=streams")
        async with denied as client:
            assert (await refusal(anext(client.agent("speller", key).job(id).stream("text")), "denied")).status == 403


async def spoken(ws: Talk, until: Callable[[list[Said]], bool]) -> list[Said]:
    """What a connection that follows is told, each thing once."""
    told: list[Said] = []
    last = (0, 0)
    while not (told and until(told)):
        try:
            frame = await ws.next("roost_job")
        except TimeoutError:
            raise AssertionError(f"told no more than {told}") from None
        assert frame["kind"] == "said", frame
        for one in frame["entries"]:
            claim, offset = map(int, one["cursor"].split("."))
            data = one["data"]
            cut = one["kind"] == "reset" and data["step"] == ""
            if claim < last[0] or ((claim, offset) <= last and not cut and one["kind"] != "end"):
                continue  # told before, by another host
            last = (claim, offset)
            told.append(
                Said(one["kind"], one["cursor"], data.get("item"), data.get("step", ""), data.get("void_from", 0))
            )
    return told


def follow(id: str, stream: str = "text", **more: str) -> dict[str, str]:
    return {"type": "roost_job", "kind": "follow", "job": id, "stream": stream, **more}


@job_case("44", "a connection follows a stream, and one that comes back in mid-word goes on with the next letter")
async def stream_is_followed_over_a_socket(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = speller(stage, client)
        key = jobs.agent.address.key
        token = {"authorization": f"Bearer {stage.harness.admin_token}"}
        id = await jobs.begin("talk", jobs.gate.key, 0.01)
        async with talk(stage, "speller", key, headers=token) as ws:
            await ws.send(follow(id))
            assert (await ws.next("roost_job"))["kind"] == "following"
            first = await spoken(ws, half)
        assert "".join(said_items(first)) == HALF, first
        async with (
            talk(stage, "speller", key, headers=token) as ws,
            talk(stage, "speller", key, headers=token) as other,
        ):
            await ws.send(follow(id, after=first[-1].cursor))
            assert (await ws.next("roost_job"))["kind"] == "following"
            await other.send(follow(id))
            await other.send(follow(id, "word"))
            await other.send({"type": "roost_job", "kind": "leave", "job": id, "stream": "word"})
            await jobs.gate.arrived()
            await jobs.gate.open()
            told = first + await spoken(ws, ends)
            assert "".join(said_items(told)) == ALL, told
            assert [one.kind for one in told] == ["item"] * LETTERS + ["end"], told
            await ws.send(follow(id))  # of one that ended
            assert (await ws.next("roost_job"))["kind"] == "following"
            assert "".join(said_items(await spoken(ws, ends))) == ALL


@job_case("44", "a connection is refused what it may not follow, by a frame that names it", together=True)
async def stream_is_refused_over_a_socket(stage: Stage) -> None:
    async with stage.client(token="user:ann") as ann:
        key = stage.key()
        id = await ann.agent("speller", key).call("begin", "talk", [None, 0.0])
        async with talk(stage, "speller", key, token="user:bob") as bob:
            for frame, code in (
                (follow(id), "no-job"), (follow("9.9"), "no-job"), (follow(id, "a b"), "bad-stream"),
                (follow(id, after="x"), "bad-cursor"), ({"type": "roost_job", "kind": "x", "job": id}, "bad-frame"),
                ({"type": "roost_job", "kind": "follow"}, "bad-frame"),
                ({"type": "roost_job", "kind": "follow", "job": 7}, "bad-frame"),
            ):  # fmt: skip
                await bob.send(frame)
                answer = await bob.next("roost_job")
                assert (answer["kind"], answer["code"]) == ("refused", code), answer
        async with talk(stage, "speller", key, token="user:ann") as mine:
            await mine.send(follow(id))
            assert (await mine.next("roost_job"))["kind"] == "following"
            assert "".join(said_items(await spoken(mine, ends))) == ALL


@job_case("44", "without server-sent events it is asked for: what there is, or what comes while the question waits")
async def stream_is_polled(stage: Stage) -> None:
    async with stage.client() as client, stage.http(admin=True) as http:
        jobs = speller(stage, client)
        id = await jobs.begin("talk", jobs.gate.key)
        path = stage.path("speller", jobs.agent.address.key, "streams", quote(id), "text")
        said: list[Any] = []
        cursor = ""
        for _ in range(200):
            answer = await http.get(path, params={"after": cursor, "wait": 5})
            doc = answer.json()
            assert answer.status_code == 200, doc
            said += [one["data"]["item"] for one in doc["entries"] if one["kind"] == "item"]
            cursor = doc["cursor"]
            if "".join(said) == HALF:
                await jobs.gate.arrived()
                await jobs.gate.open()
            if doc["ended"]:
                break
        assert "".join(said) == ALL, said
        doc = (await http.get(path, params={"after": cursor})).json()
        assert [one["kind"] for one in doc["entries"]] == ["end"] and doc["ended"], doc
        answer = await http.get(path, headers={"accept": "text/event-stream", "last-event-id": cursor})
        assert "event: end" in answer.text and "event: item" not in answer.text, answer.text
