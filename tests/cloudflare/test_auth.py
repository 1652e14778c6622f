"""Tokens of an issuer, in workerd: RS256 is verified by Roost itself, as cryptography has no wheel there."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import jwt
import pytest

from roost_cloudflare.harness import CloudflareHarness
from tests.core.auth.rig import Signer, issuer

pytestmark = pytest.mark.anyio
SECRET = "a secret of the test: 32 bytes or more"
APP = """
from roost import Agent, App, action
from roost_auth import JWT

class Probe(Agent):
    @action
    async def who(self) -> list[str]:
        return [self.caller.principal, *self.caller.roles]

app = App([Probe], auth=JWT(issuer="{url}", audience="roost"))
"""


async def test_tokens_are_verified_in_workerd(tmp_path: Path) -> None:
    signer, stranger = Signer.make("one"), Signer.make("one")
    with issuer(signer) as one:
        module = tmp_path / "jwt_app.py"
        module.write_text(APP.format(url=one.url))
        assert jwt.__file__ is not None
        harness = CloudflareHarness("jwt_app", [module, Path(jwt.__file__).parent])
        await harness.start(restless=False)
        try:
            async with httpx.AsyncClient(base_url=harness.url, timeout=60) as http:

                async def ask(token: str, key: str = "a") -> httpx.Response:
                    return await http.post(
                        f"/v1/agents/probe/{key}/call/who", headers={"authorization": f"Bearer {token}"}
                    )

                good = signer.token(iss=one.url, roles=["clerk"])
                for key in ("a", "b", "c"):  # objects that share a process share its keys
                    answer = await ask(good, key)
                    assert answer.json() == {"result": ["ann", "clerk"]}, answer.text
                assert one.asked == ["/.well-known/openid-configuration", "/keys"]
                for wrong in (
                    stranger.token(iss=one.url), signer.token(iss=one.url, exp=time.time() - 60),
                    signer.token(iss=one.url, aud="other"), jwt.encode({"sub": "ann"}, SECRET, "HS256"),
                ):  # fmt: skip
                    answer = await ask(wrong)
                    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token"), answer.text
        finally:
            await harness.stop()
