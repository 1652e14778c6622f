"""The emulator is no more lenient than AWS, over a deployed stack: frames, quotas, paths, sizes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost_lambda.aws import error_code
from roost_lambda.emulator.stack import client
from roost_lambda.harness import LambdaHarness

pytestmark = pytest.mark.anyio


def dial(deployed: LambdaHarness, key: str, kind: str = "counter", path: str = "prod") -> connect:
    url = deployed.url.replace("http", "ws", 1)
    return connect(f"{url}/{path}?agent={kind}&name={key}", max_size=None, open_timeout=60)


async def greeted(socket: ClientConnection) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not frames or frames[-1]["type"] != "cf_agent_mcp_servers":
            frames.append(json.loads(await socket.recv()))
    return frames


async def closed(socket: ClientConnection) -> int:
    async with asyncio.timeout(60):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as ended:
                return 1006 if ended.rcvd is None else ended.rcvd.code


async def test_a_frame_of_more_than_32_kib_closes_1009(deployed: LambdaHarness) -> None:
    async with dial(deployed, "gateway-frame") as socket:
        await greeted(socket)
        call = {"type": "rpc", "id": "1", "method": "increment", "args": [1]}
        padded = json.dumps({**call, "pad": ""})
        fits = json.dumps({**call, "pad": "x" * ((32 << 10) - len(padded))})
        assert len(fits) == 32 << 10
        await socket.send(fits)
        async with asyncio.timeout(60):
            while (frame := json.loads(await socket.recv()))["type"] != "rpc":
                pass
        assert frame["result"] == 1
        await socket.send(fits + " ")
        assert await closed(socket) == 1009


async def test_a_binary_frame_closes_1003(deployed: LambdaHarness) -> None:
    async with dial(deployed, "gateway-binary") as socket:
        await greeted(socket)
        await socket.send(b"\x00")
        assert await closed(socket) == 1003


async def test_another_path_is_refused(deployed: LambdaHarness) -> None:
    with pytest.raises(Exception, match="HTTP"):
        async with dial(deployed, "gateway-path", path="other"):
            pass


async def test_a_connection_that_is_gone_is_410_and_a_message_of_more_than_128_kib_413(deployed: LambdaHarness) -> None:
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    api = deployed.stack.outputs["SocketApiId"]
    management = client(deployed.emulator, "apigatewaymanagementapi", f"/_aws/execute-api/{api}/prod")
    for size, code in ((10, "GoneException"), ((128 << 10) + 1, "PayloadTooLargeException")):
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(management.post_to_connection, ConnectionId="nobody", Data=b"x" * size)
        assert error_code(refused.value) == code


async def test_idle_and_old_connections_end(deployed: LambdaHarness) -> None:
    async with httpx.AsyncClient(headers=deployed.emulator.signed) as http:
        control = f"{deployed.emulator.endpoint}/_edge"
        try:
            for quota in ({"idle": 0.5}, {"idle": 600.0, "life": 0.5}):
                (await http.put(control, json={**deployed.stack.behind, **quota})).raise_for_status()
                async with dial(deployed, "gateway-idle") as socket:
                    assert await closed(socket) == 1001
        finally:
            await http.put(control, json={**deployed.stack.behind, "idle": 600.0, "life": 7200.0})


async def test_paths_and_queries_arrive_as_they_were_sent(deployed: LambdaHarness) -> None:
    async with httpx.AsyncClient(base_url=deployed.url, timeout=60) as http:
        answer = await http.get("/v1/agents/counter/a%2Fb%3F%25%20c")
        assert answer.status_code == 404 and "counter/a/b?% c" in answer.json()["detail"]


async def test_a_body_of_more_than_6_mib_never_reaches_the_function(deployed: LambdaHarness) -> None:
    async with httpx.AsyncClient(base_url=deployed.url, timeout=60) as http:
        answer = await http.post("/agents/counter/big", content=b"x" * ((6 << 20) + 1))
        assert answer.status_code == 413 and answer.headers["content-type"] == "application/json"
