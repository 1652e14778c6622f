"""A frame that API Gateway does not take: its connection has no hole, it ends there."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError  # type: ignore[import-untyped]

from roost.contract.address import Address
from roost.contract.commit import Frame
from roost_lambda.aws import Aws
from roost_lambda.sockets import HANG_UPS, Sockets

pytestmark = pytest.mark.anyio
ROOM = Address("room", "a")


class Edge(Aws):
    """Takes frames but those of `refused`, each with its error."""

    def __init__(self, *, deaf: bool = False, **refused: BaseException) -> None:
        self.refused = refused
        self.deaf = deaf
        """It hangs up nobody."""
        self.sent: list[tuple[str, str]] = []
        self.closed: list[str] = []

    async def call(self, service: str, operation: str, /, **given: Any) -> None:
        if operation == "delete_connection":
            self.closed.append(given["ConnectionId"])
            if self.deaf:
                raise error("LimitExceededException")
            return
        text = bytes(given["Data"]).decode()
        if text in self.refused:
            raise self.refused[text]
        self.sent.append((given["ConnectionId"], text))


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "injected"}}, "PostToConnection")


@pytest.mark.parametrize(
    ("problem", "hung_up"),
    [
        (error("LimitExceededException"), ["x"]),
        (ConnectTimeoutError(endpoint_url="https://edge"), ["x"]),
        (error("GoneException"), []),
    ],
)
async def test_what_is_behind_an_unsent_frame_is_not_sent(problem: BaseException, hung_up: list[str]) -> None:
    gone: list[str] = []

    async def forget(cid: str) -> None:
        gone.append(cid)

    edge = Edge(reset=problem)
    frames = [Frame(("x", "y"), b"state"), Frame(("x",), b"reset"), Frame(("x", "y"), b"chunk")]
    assert await Sockets(edge, forget).send(ROOM, frames, 1) == ["x"]
    assert sorted(edge.sent) == [("x", "state"), ("y", "chunk"), ("y", "state")]
    assert edge.closed == hung_up and gone == ["x"]


async def test_a_connection_that_can_t_be_hung_up_is_not_forgotten() -> None:
    """It may be there still, and its `on_connect` would run again."""
    gone: list[str] = []

    async def forget(cid: str) -> None:
        gone.append(cid)

    edge = Edge(deaf=True, reset=error("LimitExceededException"))
    frames = [Frame(("x",), b"reset"), Frame(("x",), b"chunk")]
    assert await Sockets(edge, forget).send(ROOM, frames, 1) == []
    assert (edge.sent, edge.closed, gone) == ([], ["x"] * HANG_UPS, [])
