"""Tokens of an issuer, in workerd, where cryptography has no wheel: Roost verifies RS256, the platform the curves."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import jwt
import pytest

from roost_cloudflare.harness import CloudflareHarness
from tests.core.auth import vectors
from tests.core.auth.rig import Signer, issuer

pytestmark = pytest.mark.anyio
SECRET = "a secret of the test: 32 bytes or more"
APP = """
from roost import Agent, App, action
from roost import Address, Credentials
from roost_auth import JWT
from roost_auth.platform_keys import PlatformKey
from roost_cloudflare.interop import verifies
from vectors import VECTORS, spoilt

class Probe(Agent):
    @action
    async def who(self) -> list[str]:
        return [self.caller.principal, *self.caller.roles]

    @action
    async def vectors(self) -> dict[str, list[bool]]:
        asked = Credentials({{}}, {{}}, Address("probe", "a"), False, verify=verifies)
        found = {{}}
        for name, (row, token) in VECTORS.items():
            key = PlatformKey.of(row)
            found[name] = [(await key.judged(asked, one)).holds for one in (token, *spoilt(token))]
        return found

app = App([Probe], auth=JWT(issuer="{url}", audience="roost"))
"""


async def test_tokens_are_verified_in_workerd(tmp_path: Path) -> None:
    signer, stranger = Signer.make("one"), Signer.make("one")
    curves = [Signer.make("two", "ES256"), Signer.make("three", "EdDSA")]
    with issuer(signer, *curves) as one:
        module = tmp_path / "jwt_app.py"
        module.write_text(APP.format(url=one.url))
        assert jwt.__file__ is not None
        harness = CloudflareHarness("jwt_app", [module, Path(vectors.__file__), Path(jwt.__file__).parent])
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
                for curve in curves:
                    answer = await ask(curve.token(iss=one.url, roles=["clerk"]))
                    assert answer.json() == {"result": ["ann", "clerk"]}, answer.text
                    for wrong in (
                        Signer.make(curve.kid, curve.alg).token(iss=one.url), curve.token(iss=one.url)[:-4],
                        curve.token(iss=one.url, exp=time.time() - 60), curve.token(iss=one.url, aud="other"),
                        curve.token(iss=one.url, headers={"kid": "one"}),
                    ):  # fmt: skip
                        answer = await ask(wrong)
                        assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token"), answer.text
                answer = await http.post("/v1/agents/probe/a/call/vectors", headers={"authorization": f"Bearer {good}"})
                assert answer.status_code == 200, answer.text
                found = answer.json()["result"]
                assert found == {name: [True] + [False] * 7 for name in vectors.VECTORS}, answer.text
                for wrong in (
                    stranger.token(iss=one.url), signer.token(iss=one.url, exp=time.time() - 60),
                    signer.token(iss=one.url, aud="other"), jwt.encode({"sub": "ann"}, SECRET, "HS256"),
                ):  # fmt: skip
                    answer = await ask(wrong)
                    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token"), answer.text
        finally:
            await harness.stop()
