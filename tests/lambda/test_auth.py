"""Tokens of an issuer, verified by functions: PyJWT and cryptography come with the bundle, keys over egress."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from roost.hosting.platform import Project
from tests.core.auth.rig import Signer, issuer

from .deployed import deployment

pytestmark = pytest.mark.anyio
APP = """
from roost import Agent, App, action
from roost_auth import JWT

class Probe(Agent):
    @action
    async def who(self) -> list[str]:
        return [self.caller.principal, *self.caller.roles]

app = App([Probe], auth=JWT(issuer="{url}", audience="roost"), egress=["127.0.0.1"])
"""


async def test_tokens_are_verified_by_functions(tmp_path: Path) -> None:
    signer, stranger = Signer.make("one", "ES256"), Signer.make("one", "ES256")
    with issuer(signer) as one:
        module = tmp_path / "jwt_app.py"
        module.write_text(APP.format(url=one.url))
        project = Project("jwt_app:app", tmp_path, files={"jwt_app.py": module}, requirements=["pyjwt[crypto]"])
        with deployment(project) as harness:
            async with httpx.AsyncClient(base_url=harness.url, timeout=60) as http:

                async def ask(token: str) -> httpx.Response:
                    headers = {"authorization": f"Bearer {token}"}
                    return await http.post("/v1/agents/probe/a/call/who", headers=headers)

                answer = await ask(signer.token(iss=one.url, roles=["clerk"]))
                assert answer.json() == {"result": ["ann", "clerk"]}, answer.text
                for wrong in (
                    stranger.token(iss=one.url), signer.token(iss=one.url, exp=time.time() - 60),
                    signer.token(iss=one.url, aud="other"),
                ):  # fmt: skip
                    answer = await ask(wrong)
                    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token"), answer.text
