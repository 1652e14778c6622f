"""Agents behind connections: what is heard, who sits where, who is let in, who is shown out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Connection, Rejected, TransientError, action

from .gate import wait_at


class Heard(BaseModel):
    lines: list[str] = []


class Room(Agent[Heard]):
    """Writes down what its connections do, in the order of its ticks, and answers each message."""

    async def on_connect(self, connection: Connection, /) -> None:
        self.state.lines.append(f"connect {connection.label}")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        self.state.lines.append(f"message {message!r}")
        if isinstance(message, bytes):
            connection.send(message[::-1])
        else:
            connection.send(f"heard {message}")

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.lines.append(f"disconnect {connection.label}")

    @action
    async def say(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @action
    async def hold(self, line: str, gate: str) -> None:
        """Stays in its tick until the gate is open."""
        self.state.lines.append(line)
        await wait_at(self, gate)

    @action(readonly=True)
    async def lines(self) -> list[str]:
        return self.state.lines


class Seat(Agent):
    """Keeps a datum with each connection."""

    async def on_connect(self, connection: Connection, /) -> None:
        if "seat" in connection.query:
            connection.attachment = {"seat": connection.query["seat"]}

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        word, _, seat = str(message).partition(" ")
        connection.attachment = {"seat": seat}
        if word == "fail":
            raise Rejected("that seat is taken", code="taken", status=409)
        connection.send({"sits": seat})

    @action
    async def swap(self, first: str, second: str) -> None:
        """What two connections keep, exchanged in one tick."""
        a = next(c for c in self.connections if c.id == first)
        b = next(c for c in self.connections if c.id == second)
        a.attachment, b.attachment = b.attachment, a.attachment

    @action
    async def clear(self, who: str) -> None:
        for one in self.connections:
            if one.label == who:
                one.attachment = None

    @action
    async def large(self, size: int) -> None:
        for one in self.connections:
            one.attachment = "x" * size

    @action
    async def seats(self) -> list[dict[str, Any]]:
        return [
            {
                "id": c.id,
                "label": c.label,
                "attachment": c.attachment,
                "caller": c.caller.principal if c.caller else None,
            }
            for c in self.connections
        ]


class Doorman(Agent):
    """Decides in `on_connect` what becomes of a connection: the handshake's query says how."""

    async def on_connect(self, connection: Connection, /) -> None:
        match connection.query.get("do"):
            case "refuse":
                raise Rejected("the house is full", code="house-full", status=409)
            case "burst":
                raise ValueError("an internal secret")
            case "later":
                raise TransientError("not open yet", retry_after=3)
            case "close":
                connection.send({"last": "words"})
                connection.close(4001, "off you go")
            case "greet":
                connection.send({"welcome": connection.label, "query": dict(connection.query)})
            case _:
                pass

    @action
    async def inside(self) -> int:
        return len(self.connections)


class Speaker(Agent):
    """Sends to its connections from actions and messages."""

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        if message == "tell the others":
            self.broadcast({"news": connection.label}, without=connection)
        elif message == "tell them by id":
            self.broadcast({"news": connection.label}, without=connection.id)
        elif message == "fail":
            self.broadcast({"news": "nobody must hear this"})
            connection.send({"news": "nor this"})
            raise Rejected("no news today", code="no-news")

    @action
    async def shout(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            self.broadcast({"number": number})

    @action
    async def fail(self) -> None:
        self.broadcast({"news": "nobody must hear this"})
        raise Rejected("no news today", code="no-news")

    @action
    async def mixed(self) -> None:
        self.broadcast("plain")
        self.broadcast(b"\x00\xff")
        self.broadcast({"data": [1, None, "é"]})

    @action
    async def too_large(self, size: int) -> None:
        self.broadcast("before")
        self.broadcast("x" * size)

    @action
    async def hang_up(self, label: str, code: int, reason: str) -> None:
        for one in self.connections:
            if one.label == label:
                one.send("goodbye")
                one.close(code, reason)

    @action
    async def present(self) -> list[str]:
        return [one.label for one in self.connections]


AGENTS: list[type[Agent[Any, Any]]] = [Room, Seat, Doorman, Speaker]
