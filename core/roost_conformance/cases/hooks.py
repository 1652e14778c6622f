"""The ready-made auth hooks: the same keys and cookies hold on every backend."""

from __future__ import annotations

from roost import Caller

from ..app import API_KEY, COOKIE, OLDER
from ..case import case
from ..probes.answer import problem_of
from ..probes.talk import talk
from ..stage import Stage


@case("http", "a hashed API key says who calls, over HTTP and WebSockets; another secret is told that it does not hold")
async def api_keys(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("vault", key, "call", "who")
    async with stage.http() as http:
        bearer = {"authorization": f"Bearer {API_KEY}"}
        for headers in (bearer, {"x-api-key": API_KEY, "authorization": "Bearer rk_"}, bearer):
            assert (await http.post(path, headers=headers)).json() == {"result": ["client", "robot", "clerk"]}
        for wrong in (f"{API_KEY[:-1]}_", API_KEY.replace("c0nf0rmance", "n0b0dys")):
            answer = await http.post(path, headers={"authorization": f"Bearer {wrong}"})
            assert wrong not in problem_of(answer, 401, "invalid-token")["detail"]
            challenge = answer.headers["www-authenticate"]
            assert challenge == 'Bearer error="invalid_token", error_description="this API key is not valid here"'
        answer = await http.post(path, headers={"authorization": "Bearer bad"})
        assert problem_of(answer, 401, "bad-token") and answer.headers["www-authenticate"] == "Bearer"
    async with talk(stage, "vault", key, token=API_KEY, headers=bearer) as ws:
        assert await ws.result("who") == ["client", "robot", "clerk"]
    async with talk(stage, "vault", key, greeted=False, headers={"authorization": f"Bearer {API_KEY[:-1]}_"}) as ws:
        await ws.refused(401, "invalid-token")


@case("http", "a signed cookie says who calls, while its secret is changed too; one that was changed does not hold")
async def signed_cookies(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("vault", key, "call", "who")
    ann = Caller("ann", {"name": "Ann"}, roles=("clerk",))
    async with stage.http() as http:
        for cookie in (COOKIE, OLDER):
            pair = cookie.issue(ann).partition(";")[0]
            answer = await http.post(path, headers={"cookie": f"theme=dark; {pair}"})
            assert answer.json() == {"result": ["client", "ann", "clerk"]}, answer.text
            problem_of(await http.post(path, headers={"cookie": f"{pair[:-2]}__"}), 401, "invalid-token")
        problem_of(await http.post(path, headers={"cookie": "theme=dark"}), 401, "unauthorized")
    async with talk(stage, "vault", key, headers={"cookie": COOKIE.issue(ann).partition(";")[0]}) as ws:
        assert await ws.result("who") == ["client", "ann", "clerk"]
