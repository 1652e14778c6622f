"""API keys, signed cookies, and hooks in turn; and what the HTTP surface says of their refusals."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, cast

import httpx
import pytest

from roost import Agent, App, Caller, Rejected, TransientError, action
from roost.testing import world
from roost_auth import JWT, APIKeys, KeyHash, SignedCookie, anonymous, first_of, hashed, new_key
from roost_auth import api_keys as module
from roost_auth.hashing import pbkdf2
from roost_cli.main import main
from roost_http import Surface

from .rig import Signer, credentials, issuer

pytestmark = pytest.mark.anyio
SECRETS = ("the first secret: 32 bytes or more", "the second secret: 32 bytes or more")


async def refused(hook: Any, code: str, /, *given: str, **headers: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await hook(credentials(*given, **headers))
    assert (caught.value.status, caught.value.code) == (401, code)
    return caught.value


# API keys ---------------------------------------------------------------------------------------------


async def test_a_key_says_whose_it_is() -> None:
    ci, ci_hash = new_key()
    bob, bob_hash = new_key(scrypt=True)
    new, new_hash = new_key()
    hook = APIKeys({"ci": str(ci_hash), "bob": {"keys": [str(bob_hash), str(new_hash)], "roles": ["clerk"]}})
    assert await hook(credentials(ci)) == Caller("ci")
    assert await hook(credentials(x_api_key=ci)) == Caller("ci")
    for key in (bob, new, bob):
        assert await hook(credentials(key)) == Caller("bob", roles=("clerk",))
    assert ci not in repr(hook) and str(ci_hash) not in repr(hook)
    await refused(hook, "unauthorized")
    await refused(hook, "unauthorized", "eyJ.a.b")
    await refused(hook, "unauthorized", "rk_short_x")
    for wrong in (
        ci[:-1] + ("A" if ci[-1] != "A" else "B"),
        new_key()[0],
        f"rk_{ci.split('_')[1]}_{bob.split('_', 2)[2]}",
    ):
        error = await refused(hook, "invalid-token", wrong)
        assert wrong not in error.message


async def test_a_key_can_end() -> None:
    key, hash = new_key()
    until = time.time() + 60
    assert (await APIKeys({"ci": {"keys": str(hash), "expires": until}})(credentials(key))).expires == until
    await refused(APIKeys({"ci": {"keys": str(hash), "expires": time.time() - 1}}), "invalid-token", key)


async def test_a_right_key_is_hashed_once_and_wrong_ones_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    key, hash = new_key()
    count = 0

    def matches(self: KeyHash, given: str) -> bool:
        nonlocal count
        count += 1
        return given == key

    monkeypatch.setattr(KeyHash, "matches", matches)
    hook = APIKeys({"ci": str(hash)})
    for _ in range(3):
        await hook(credentials(key))
    assert count == 1
    for _ in range(module.FAILURES):
        await refused(hook, "invalid-token", key[:-2] + "__")
    with pytest.raises(TransientError) as caught:
        await hook(credentials(key[:-2] + "__"))
    assert (caught.value.status, caught.value.retry_after) == (429, 60.0)
    assert count == 1 + module.FAILURES
    assert (await hook(credentials(key))).principal == "ci", "whoever was right stays in"
    for n in range(100):  # keys that nobody has cost nothing
        await refused(hook, "invalid-token", f"rk_{n:012d}_{'x' * 40}")
    assert count == 1 + module.FAILURES


@pytest.mark.parametrize(
    "given",
    [
        {"ci": "plain"}, {"ci": []}, {"ci": {"roles": ["a"]}}, {"ci": {"keys": [], "roles": []}}, {"": "x"},
        {"ci": "abcdef$md5$1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"},
        {"ci": "abcdef$scrypt$1073741824,8,1$" + "A" * 22 + "$" + "A" * 43},
        {"ci": "abcdef$pbkdf2$1$" + "A" * 22 + "$" + "A" * 43}, {"ci": {"keys": [], "role": "x"}},
        {"ci": "abcdef$scrypt$3,8,1$" + "A" * 22 + "$" + "A" * 43},
    ],
)  # fmt: skip
def test_what_is_no_hash_is_refused_at_once(given: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="APIKeys"):
        APIKeys(given)


def test_a_key_has_one_holder() -> None:
    _, hash = new_key()
    with pytest.raises(ValueError, match="twice"):
        APIKeys({"a": str(hash), "b": str(hash)})
    with pytest.raises(ValueError, match="rk_ID_SECRET"):
        hashed("rk_abcdef_short")


def test_pbkdf2_without_openssl_agrees_with_it() -> None:
    for rounds in (1, 2, 1000):
        assert pbkdf2(b"key", b"salt" * 4, rounds) == hashlib.pbkdf2_hmac("sha256", b"key", b"salt" * 4, rounds)


# Cookies ----------------------------------------------------------------------------------------------


def _pair(header: str) -> str:
    return header.partition(";")[0]


async def test_a_cookie_carries_a_caller() -> None:
    hook = SignedCookie(SECRETS[0], max_age=60)
    ann = Caller("ann", {"name": "Ann"}, roles=("clerk",))
    header = hook.issue(ann)
    assert header.startswith("__Host-roost=")
    assert header.endswith("; Max-Age=59; Path=/; HttpOnly; SameSite=Lax; Secure")
    found = await hook(credentials(cookie=f"a=b; {_pair(header)}; c=d"))
    assert (found.principal, found.claims, found.roles) == ("ann", {"name": "Ann"}, ("clerk",))
    assert found.expires is not None and 55 < found.expires - time.time() <= 60
    assert hook.clear() == "__Host-roost=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
    short = hook.issue(Caller("ann", expires=time.time() + 10))
    assert "Max-Age=9;" in short or "Max-Age=10;" in short


async def test_secrets_of_cookies_can_be_changed() -> None:
    old, both, new = (SignedCookie(s) for s in (SECRETS[0], (SECRETS[1], SECRETS[0]), SECRETS[1]))
    ann = Caller("ann")
    assert (await both(credentials(cookie=_pair(old.issue(ann))))).principal == "ann"
    assert (await new(credentials(cookie=_pair(both.issue(ann))))).principal == "ann"
    await refused(new, "invalid-token", cookie=_pair(old.issue(ann)))
    await refused(SignedCookie(SECRETS[0], name="other"), "unauthorized", cookie=_pair(old.issue(ann)))
    renamed = _pair(old.issue(ann)).replace("__Host-roost", "other")
    await refused(SignedCookie(SECRETS[0], name="other"), "invalid-token", cookie=renamed)


async def test_a_cookie_that_was_changed_is_refused() -> None:
    hook = SignedCookie(SECRETS[0])
    pair = _pair(hook.issue(Caller("ann")))
    await refused(hook, "unauthorized")
    await refused(hook, "unauthorized", cookie="__Host-roost=")
    name, _, value = pair.partition("=")
    body, _, signature = value.partition(".")
    for wrong in (
        body,
        f"{body}.",
        f".{signature}",
        "..",
        f"{body}x.{signature}",
        f"{body}.{signature}x",
        f"{value}.",
        "é",
    ):
        await refused(hook, "invalid-token", cookie=f"{name}={wrong}")
    await refused(hook, "invalid-token", cookie=f"{pair}; {pair}")
    late = SignedCookie(SECRETS[0], max_age=0.001)
    pair = _pair(late.issue(Caller("ann")))
    time.sleep(0.002)  # noqa: ASYNC251
    await refused(late, "invalid-token", cookie=pair)


def test_a_cookie_that_is_not_safe_is_refused_at_once() -> None:
    wrong: list[dict[str, Any]] = [
        {"secrets": "short"}, {"secrets": "a" * 64}, {"secrets": []}, {"name": "a b"}, {"secure": False},
        {"path": "/app"}, {"name": "x", "secure": False, "same_site": "None"}, {"name": "x", "path": "/;x"},
        {"max_age": 0}, {"secrets": [SECRETS[0], "short"]},
    ]  # fmt: skip
    for given in wrong:
        with pytest.raises(ValueError, match="SignedCookie"):
            cast(Any, SignedCookie)(**{"secrets": SECRETS[0], **given})
    with pytest.raises(ValueError, match="browsers keep"):
        SignedCookie(SECRETS[0]).issue(Caller("ann", {"x": "y" * 4000}))


@pytest.mark.parametrize("claims", [{"x": float("nan")}, {"x": "\ud800"}, {"x": float("inf")}, {"x": {1, 2}}])
def test_claims_that_could_not_be_kept_are_refused_where_they_are_given(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="APIKeys: the claims of ci are no JSON"):
        APIKeys({"ci": {"keys": [str(new_key()[1])], "claims": claims}})
    with pytest.raises((ValueError, TypeError)):
        SignedCookie(SECRETS[0]).issue(Caller("ann", claims))


# Several ----------------------------------------------------------------------------------------------


class Ledger(Agent):
    @action
    async def who(self) -> list[str]:
        return [] if self.caller is None else [self.caller.source, self.caller.principal, *self.caller.roles]


async def test_hooks_in_turn_behind_the_surface() -> None:
    signer = Signer.make("one")
    key, hash = new_key()
    cookie = SignedCookie(SECRETS[0])
    with issuer(signer) as one:
        auth = first_of(JWT(issuer=one.url, audience="roost"), APIKeys({"ci": str(hash)}), cookie, anonymous("call:*"))
        app = App([Ledger], auth=auth)
        async with world(app, http=httpx.AsyncHTTPTransport()) as w:
            surface = Surface(app, w.backend.runtime, admin_token=None)
            transport = httpx.ASGITransport(cast(Any, surface))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:

                async def ask(path: str = "call/who", **headers: str) -> httpx.Response:
                    method = "POST" if path.startswith("call") else "GET"
                    return await http.request(method, f"/v1/agents/ledger/a/{path}", headers=headers)

                def bearer(token: str) -> dict[str, str]:
                    return {"authorization": f"Bearer {token}"}

                token = signer.token(iss=one.url, roles=["clerk"])
                assert (await ask(**bearer(token))).json() == {"result": ["client", "ann", "clerk"]}
                assert (await ask(**bearer(key))).json() == {"result": ["client", "ci"]}
                bob = _pair(cookie.issue(Caller("bob")))
                assert (await ask(cookie=bob)).json() == {"result": ["client", "bob"]}
                assert (await ask()).json() == {"result": []}
                answer = await ask("state")
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
                late = signer.token(iss=one.url, exp=time.time() - 60)
                answer = await ask(**bearer(late))
                assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] == "invalid-token" and late not in answer.text
                want = 'Bearer error="invalid_token", error_description="this token has expired"'
                assert answer.headers["www-authenticate"] == want
    assert repr(auth).startswith("first_of(JWT(")


async def test_an_app_takes_objects_that_are_hooks_and_nothing_else() -> None:
    class Plain:
        def __call__(self, credentials: Any) -> None: ...

    for wrong in (Plain(), JWT, SignedCookie, lambda c: None, "x"):  # pyright: ignore[reportUnknownLambdaType,reportUnknownVariableType]
        with pytest.raises(TypeError, match="the hook must be"):
            App([Ledger], auth=cast(Any, wrong))
    with pytest.raises(TypeError):
        first_of()


async def test_roost_key_makes_what_the_hook_takes(capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--scrypt"]):
        assert main(["key", "ci", "--json", *more]) == 0
        made = json.loads(capsys.readouterr().out)
        assert (await APIKeys({made["name"]: made["hash"]})(credentials(made["key"]))).principal == "ci"
    assert main(["key", "ci"]) == 0
    shown = capsys.readouterr()
    key, hash = (line.split()[1] for line in shown.out.splitlines())
    assert KeyHash.read(hash).matches(key) and key not in shown.err
