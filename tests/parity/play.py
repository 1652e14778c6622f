"""Plays a program on one backend through its public surfaces, and writes down what can be seen."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from roost_conformance.stage import Stage

from .names import named
from .party import Party
from .program import AGENTS, Act

PATIENCE: Final = 60.0
"""Seconds until an act must be over; a bound on failure, not a measurement."""
UNBORN: Final = 5.0
"""Seconds until an agent that was told something, and is not there, is held to have been told nothing."""
AHEAD: Final = 600.0
"""Seconds: what is due later is not waited for."""


def told(steps: Any) -> set[int]:
    """The agents that a program tells something, and those that these tell."""
    chains = [s for s in steps if s[0] in {"tell", "ask"}] + [
        ["", 0, s[3]] for s in steps if s[0] in {"later", "every"}
    ]
    found: set[int] = {s[1] for s in chains if s[0] == "tell"}
    return found.union(*(told(s[2]) for s in chains))


def member(document: Any, name: str) -> Any:
    """A member of a JSON object; None: it has none, or is no object."""
    return cast("dict[str, Any]", document).get(name) if isinstance(document, dict) else None


class Seat:
    """One connection: every frame that comes, in order."""

    def __init__(self, socket: ClientConnection, label: str, agent: int) -> None:
        self.socket = socket
        self.label = label
        self.agent = agent
        self.number = 0
        self.frames: list[Any] = []
        self.news = asyncio.Event()
        self.closed: int | None = None
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            with suppress(ConnectionClosed):  # its code is looked at below
                async for raw in self.socket:
                    self.frames.append(json.loads(raw) if str(raw).startswith(("{", "[")) else str(raw))
                    self.news.set()
        finally:
            self.closed = self.socket.close_code
            self.news.set()

    async def say(self, frame: dict[str, Any]) -> None:
        """Send a numbered frame."""
        self.number += 1
        with suppress(ConnectionClosed):
            await self.socket.send(json.dumps({**frame, "seq": self.number}))

    async def until(self, there: Callable[[Any], bool]) -> None:
        """A frame is there, or the connection is closed."""
        async with asyncio.timeout(PATIENCE):
            while self.closed is None and not any(there(f) for f in self.frames):
                self.news.clear()
                await self.news.wait()

    async def leave(self) -> None:
        await self.socket.close()
        await self._reader


class Play:
    """One program on one backend. Keys are of this play alone. `codes`: with which code a connection was closed
    counts too."""

    def __init__(self, party: Party, seed: int, *, codes: bool) -> None:
        self._party = party
        self._harness = harness = party.harness
        self._codes = codes
        self._stage = Stage(harness, "parity", restless=False)
        run = secrets.token_hex(4)
        self._keys = [f"p{seed}-{n}-{run}" for n in range(AGENTS)]
        self._seats: dict[str, Seat] = {}
        self._acts: dict[str, Callable[[Act], Coroutine[Any, Any, Any]]] = {
            "call": self._call, "tell": self._call, "ring": self._call, "rpc": self._burst, "burst": self._burst,
            "open": self._open, "close": self._close, "message": self._message, "state": self._state,
            "sleep": self._sleep, "crash": self._crash, "read": self._read, "move": self._move,
            "destroy": self._destroy, "redrive": self._redrive, "work": self._work, "wrong": self._wrong,
        }  # fmt: skip
        self._ids = 0
        self._told: set[int] = set()
        """Agents that a letter may be on its way to: before it has run there is nobody whose mailbox could be asked."""
        headers = {"authorization": f"Bearer {harness.admin_token}"}
        self._client = httpx.AsyncClient(headers=headers, timeout=PATIENCE, verify=False)

    async def run(self, acts: Sequence[Act]) -> list[str]:
        """The history: one line of JSON an act, then one an agent."""
        history: list[str] = []
        try:
            for number, act in enumerate(acts):
                answer = await self._acts[act.what](act)
                await self._quiet()
                await self._flush()
                history.append(self._line(f"{number} {act.what} {act.agent} {act.label}".rstrip(), answer))
            for seat in list(self._seats.values()):
                await self._leave(seat)
            await self._quiet()
            for agent in range(AGENTS):
                history += [
                    self._line(f"end {what} {agent}", await self._read(Act("read", agent, data=what)))
                    for what in ("state", "events", "letters", "seats", "status", "export")
                ]
            history.append(self._line("end list", await self._list()))
        finally:
            self._party.leave()
            for seat in self._seats.values():
                await seat.leave()
            await self._client.aclose()
        return history

    def _line(self, what: str, answer: Any) -> str:
        found: dict[str, Any] = {"act": what, "answer": named(answer)}
        for label, seat in sorted(self._seats.items()):
            frames = [f for f in seat.frames if not str(member(f, "id")).startswith("flush")]
            if frames:
                found[f"frames of {label}"] = named(frames)
            seat.frames.clear()
            if seat.closed is not None:
                found[f"{label} closed"] = seat.closed if self._codes else True
        self._seats = {label: seat for label, seat in self._seats.items() if seat.closed is None}
        return json.dumps(found, sort_keys=True, ensure_ascii=False)

    # What is done --------------------------------------------------------------------------------------

    async def _http(self, method: str, agent: int, *rest: str, **more: Any) -> dict[str, Any]:
        return await self._request(method, self._stage.path("player", self._keys[agent], *rest), **more)

    async def _request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = await self._client.request(method, self._harness.url + path, **more)
        body: Any = answer.text
        if "json" in answer.headers.get("content-type", ""):
            body = answer.json()
        return {"status": answer.status_code, "body": body}

    def _steps(self, steps: Any) -> Any:
        """With the keys of this play instead of numbers."""
        return [
            [s[0], self._keys[s[1]], self._steps(s[2])] if s[0] in {"tell", "ask"} else s
            for s in steps
        ]  # fmt: skip

    async def _call(self, act: Act) -> Any:
        headers = {} if act.key is None else {"idempotency-key": act.key}
        if act.who:
            headers["authorization"] = f"Bearer {act.who}"
        how = "tell" if act.what == "tell" else "call"
        body = {"args": [self._steps(act.data)]}
        answer = await self._http("POST", act.agent, how, "play", json=body, headers=headers)
        if answer["status"] < 300:
            self._told |= told(act.data)
        if how == "tell" and answer["status"] == 202:
            self._told.add(act.agent)
            if act.key is None:
                answer["body"] = {"id": bool(answer["body"].get("id"))}
        return answer

    async def _burst(self, act: Act) -> None:
        seat = self._seats.get(act.label)
        if seat is None:
            return
        programs = act.data if act.what == "burst" else [act.data]
        for steps in programs:
            self._ids += 1
            await seat.say({"type": "rpc", "id": f"r{self._ids}", "method": "play", "args": [self._steps(steps)]})
            self._told |= told(steps)
        last = f"r{self._ids}"
        await seat.until(lambda f: member(f, "id") == last)

    async def _message(self, act: Act) -> None:
        seat = self._seats.get(act.label)
        if seat is None:
            return
        said = act.data if isinstance(act.data, str) else json.dumps(self._steps(act.data))
        self._told |= set() if isinstance(act.data, str) else told(act.data)
        await seat.say({"type": "roost_message", "data": said})

    async def _state(self, act: Act) -> None:
        seat = self._seats.get(act.label)
        if seat is not None:
            await seat.say({"type": "cf_agent_state", "state": act.data})

    async def _open(self, act: Act) -> None:
        socket = await self._stage.socket("player", self._keys[act.agent], _pk=act.label)
        seat = self._seats[act.label] = Seat(socket, act.label, act.agent)
        await seat.until(lambda f: member(f, "type") == "cf_agent_mcp_servers")

    async def _close(self, act: Act) -> None:
        seat = self._seats.get(act.label)
        if seat is not None:
            await self._leave(seat)

    async def _leave(self, seat: Seat) -> None:
        """Gone, and the agent knows."""
        self._seats.pop(seat.label)
        await seat.leave()
        others = sum(1 for one in self._seats.values() if one.agent == seat.agent)
        edge = time.monotonic() + PATIENCE
        while (await self._status(seat.agent)).get("connections", 0) > others:
            assert time.monotonic() < edge, f"{seat.label} left, and the agent does not notice"
            await asyncio.sleep(0.02)

    async def _sleep(self, act: Act) -> Any:
        before = None if act.data is None else await self._call(act.data)
        answer = await self._http("POST", act.agent, "hibernate")
        return [before, answer["status"]]  # whether it was awake is the host's affair

    async def _crash(self, act: Act) -> Any:
        """Connections leave first: that they do not outlive a host is so where the host holds them."""
        for seat in list(self._seats.values()):
            await self._leave(seat)
        await self._quiet()
        before = None if act.data is None else await self._call(act.data)
        await self._party.crash()
        self._stage = Stage(self._harness, "parity", restless=False)
        return before

    async def _read(self, act: Act) -> Any:
        match act.data:
            case "events":
                path = self._stage.path("player", self._keys[act.agent], "events")
                answer = await self._request("GET", path, params={"follow": "false"})
                lines = str(answer["body"]).replace("\r", "").split("\n")
                kept = [
                    json.loads(line[6:]) if line.startswith("data: {") else line for line in lines if line[:1] != ":"
                ]
                return [answer["status"], [line for line in kept if line and not str(line).startswith("retry")]]
            case "letters":
                return self._letters(await self._http("GET", act.agent, "dead-letters"))
            case "seats":
                return await self._http("POST", act.agent, "call", "total", json={"args": ["x"]})
            case "status":
                return await self._status(act.agent)
            case "export":
                return self._letters(await self._http("GET", act.agent, "export"))
            case _:
                return await self._http("GET", act.agent, "state")

    async def _list(self) -> Any:
        """The agents that are listed, once these are all that there are."""
        there = [key for n, key in enumerate(self._keys) if (await self._http("GET", n))["status"] == 200]
        prefix = self._keys[0].partition("-")[0] + "-"
        edge = time.monotonic() + PATIENCE
        while True:
            answer = await self._request("GET", "/v1/agents", params={"kind": "player", "prefix": prefix, "limit": 500})
            run = self._keys[0].rpartition("-")[2]
            rows = [[r["kind"], r["key"]] for r in answer["body"]["agents"] if r["key"].endswith(run)]
            if [key for _, key in rows] == there or time.monotonic() > edge:
                return rows
            await asyncio.sleep(0.2)

    def _letters(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Ids of letters that nobody gave a key are the host's own."""
        body = answer["body"]
        letters: list[dict[str, Any]] = member(body, "dead_letters") or []
        for letter in letters:
            if not str(letter["id"]).startswith("key"):
                letter["id"] = True
        return answer

    async def _status(self, agent: int) -> dict[str, Any]:
        answer = await self._http("GET", agent)
        found: dict[str, Any] = answer["body"]
        return found

    async def _move(self, act: Act) -> Any:
        """Exported, destroyed, imported."""
        document = await self._http("GET", act.agent, "export")
        if document["status"] != 200:
            return document
        gone = await self._destroy(act)
        back = await self._http("PUT", act.agent, "export", json=document["body"])
        return [self._letters(document), gone, back]

    async def _destroy(self, act: Act) -> Any:
        answer = await self._http("DELETE", act.agent)
        for seat in list(self._seats.values()):
            if seat.agent == act.agent and answer["status"] == 200:
                await seat.until(lambda _: False)
        return answer

    async def _work(self, act: Act) -> Any:
        """A job, until it has ended: how, or how its start was refused."""
        key = self._keys[act.agent]
        answer = await self._call(Act("call", act.agent, data=[["job", act.data, f"{key}-laps"]]))
        if answer["status"] != 200:
            return answer
        jobs = self._stage.path("player", key, "jobs")
        [job] = (await self._request("GET", jobs, params={"limit": "1"}))["body"]["jobs"][:1]
        ended = await self._request("GET", f"{jobs}/{job['id']}", params={"wait": "20"})
        told = ("name", "key", "status", "value", "error", "by", "run")
        return [ended["status"], {name: ended["body"].get(name) for name in told}]

    async def _redrive(self, act: Act) -> Any:
        return await self._http("POST", act.agent, "dead-letters", json={})

    async def _wrong(self, act: Act) -> Any:
        """What is refused."""
        match act.data:
            case 0:
                return await self._http("POST", act.agent, "call", "rung", json={})
            case 1:
                return await self._http("POST", act.agent, "call", "play", json={"args": ["x"]})
            case 2:
                return await self._http("POST", act.agent, "call", "play", content=b"{")
            case 3:
                return await self._http("POST", act.agent, "tell", "play", json={"args": []})
            case 4:
                return await self._http("PUT", act.agent, "export", json={"format": "none"})
            case 5:
                return await self._http("PATCH", act.agent, "state")
            case 6:
                return await self._http(
                    "POST", act.agent, "call", "play", json={"args": [[["put", "k", "x" * 140_000]]]}
                )
            case 7:
                return await self._http("POST", act.agent, "call", "play", json={"args": [[["teleport"]]]})
            case _:
                return await self._http("GET", act.agent, "events", params={"after": "x"})

    # Until it is over ----------------------------------------------------------------------------------

    async def _quiet(self) -> None:
        """Nothing waits, nothing is under way, nothing is due soon: seen twice, with nothing done between."""
        began, before = time.monotonic(), None
        edge = began + PATIENCE
        while True:
            found = [await self._status(agent) for agent in range(AGENTS)]
            unborn = {agent for agent in self._told if "version" not in found[agent]}
            busy = [
                s for s in found
                if s.get("outbox") or s.get("mailbox") or s.get("status") in {"waking", "draining"}
                or ((s.get("next_wake") or 0) < time.time() + AHEAD and s.get("next_wake"))
            ]  # fmt: skip
            waits = busy or (unborn and time.monotonic() < began + UNBORN)
            now = None if waits else [(s.get("version"), s.get("generation"), s.get("events")) for s in found]
            if now is not None and now == before:
                self._told.clear()
                return
            assert time.monotonic() < edge, f"an act is never over: {busy}"
            before = now
            await asyncio.sleep(0.01)

    async def _flush(self) -> None:
        """Whatever was sent to a connection is there: what is asked last is answered last."""
        for seat in list(self._seats.values()):
            self._ids += 1
            id = f"flush{self._ids}"
            await seat.say({"type": "rpc", "id": id, "method": "play", "args": [[]]})
            await seat.until(lambda f, id=id: isinstance(f, dict) and f.get("id") == id)  # type: ignore[misc]  # a lambda has no annotations
