"""Tokens of an issuer: what is taken, what is refused, and how often an issuer is asked for its keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from roost import Caller, Rejected, TransientError
from roost_auth import JWT
from roost_auth import jwks as jwks_module
from roost_auth.jwt import JWT as Hook
from roost_auth.keys import Key
from roost_auth.platform_keys import PLATFORM, Judgement, PlatformKey
from roost_auth.rsa import PublicKey

from .rig import Issuer, Signer, credentials, issuer
from .vectors import VECTORS, spoilt

pytestmark = pytest.mark.anyio
RSA = Signer.make("one")
SECRET = "s" * 16 + "ecret-of-thirty-two-bytes-and-more"


async def refused(hook: Hook, token: str | None, code: str = "invalid-token", words: str = "") -> None:
    with pytest.raises(Rejected) as caught:
        await hook(credentials(token))
    assert (caught.value.status, caught.value.code) == (401, code), caught.value
    assert words in caught.value.message, caught.value.message
    assert token is None or token not in caught.value.message


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_token_says_who_calls(alg: str) -> None:
    signer = Signer.make("k", alg)
    with issuer(signer) as one:
        hook = JWT(issuer=one.url, audience="roost")
        until = int(time.time()) + 100
        caller = await hook(credentials(signer.token(iss=one.url, exp=until, roles=["clerk", "admin"])))
        assert isinstance(caller, Caller)
        assert (caller.principal, caller.roles, caller.source) == ("ann", ("clerk", "admin"), "client")
        assert caller.expires == until + 30 and caller.claims["iss"] == one.url
        assert one.asked == ["/.well-known/openid-configuration", "/keys"]
        await hook(credentials(signer.token(iss=one.url)))
        assert len(one.asked) == 2, "keys are kept"


async def test_roles_are_found_where_the_issuer_has_them() -> None:
    for claim, given, want in (
        ("scope", {"scope": "read write"}, ("read", "write")),
        ("realm_access.roles", {"realm_access": {"roles": ["a", 1, "b"]}}, ("a", "b")),
        ("realm_access.roles", {"realm_access": ["x"]}, ()),
        ("roles", {}, ()),
    ):
        hook = JWT(audience="roost", keys=RSA.jwk, roles=claim)
        assert (await hook(credentials(RSA.token(given)))).roles == want


async def test_only_the_claims_that_are_wanted_are_kept() -> None:
    hook = JWT(audience="roost", keys=RSA.jwk, claims=["tenant", "email"])
    caller = await hook(credentials(RSA.token(tenant="acme", picture="x" * 1000)))
    assert (caller.principal, caller.claims) == ("ann", {"tenant": "acme"})


async def test_what_does_not_hold_is_refused() -> None:
    hook = JWT(issuer="https://issuer.example", audience="roost", keys=RSA.jwk)
    good = {"iss": "https://issuer.example"}
    assert (await hook(credentials(RSA.token(good)))).principal == "ann"
    await refused(hook, None, "unauthorized")
    await refused(hook, "rk_abc", "unauthorized")
    await refused(hook, "a.b.c")
    await refused(hook, RSA.token(good, exp=time.time() - 40), words="expired")
    await hook(credentials(RSA.token(good, exp=time.time() - 10)))  # within the leeway
    await refused(hook, RSA.token(good, nbf=time.time() + 60))
    await refused(hook, RSA.token(good, exp=None), words="exp")
    await refused(hook, RSA.token(good, sub=None), words="sub")
    await refused(hook, RSA.token(good, aud="other"), words="audience")
    await refused(hook, RSA.token(good, aud=None))
    await refused(hook, RSA.token(iss="https://other.example"), words="issuer")
    await refused(hook, RSA.token(), words="iss")
    await refused(hook, RSA.token(good, headers={"kid": "two"}), words="key")
    await refused(hook, Signer.make("one").token(good), words="signature")
    await refused(hook, RSA.token(good, filler="x" * 20000), words="too long")
    await refused(hook, RSA.token(good, headers={"crit": ["x"], "x": 1}))


def _forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"", secret: bytes | None = None) -> str:
    return _signed(header, json.dumps(claims).encode(), signature, secret)


def _signed(header: dict[str, Any], body: bytes, signature: bytes = b"", secret: bytes | None = None) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    front = f"{part(json.dumps(header).encode())}.{part(body)}"
    if secret is not None:
        signature = hmac.new(secret, front.encode(), hashlib.sha256).digest()
    return f"{front}.{part(signature)}"


@pytest.mark.parametrize(
    "value", [b"NaN", b"1e400", b"-Infinity", b'"\\ud800"', b'{"\\ud800": 1}', b"[" * 5000 + b"]" * 5000]
)
@pytest.mark.parametrize("claim", ["sub", "roles", "other", "exp"])
async def test_claims_that_json_does_not_have_are_refused(value: bytes, claim: str) -> None:
    """Python reads them; what an agent keeps of a caller could not be written."""
    hook = JWT(audience="roost", keys=SECRET)
    members = {"sub": b'"ann"', "aud": b'"roost"', "exp": b"%d" % (time.time() + 60)} | {claim: value}
    body = b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), raw) for name, raw in members.items())
    await refused(hook, _signed({"alg": "HS256"}, body, secret=SECRET.encode()))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {"alg": "RS256"}])
async def test_a_token_does_not_choose_how_it_is_verified(alg: Any) -> None:
    hook = JWT(audience="roost", keys=RSA.jwk)
    claims = {"sub": "ann", "aud": "roost", "exp": time.time() + 60}
    for signature in (b"", b"x"):
        await refused(hook, _forged({"alg": alg, "kid": "one", "typ": "JWT"}, claims, signature))


async def test_a_public_key_is_no_secret() -> None:
    """HS256 with the published key as the secret: whatever form of it an attacker takes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public: Any = RSA.private.public_key()  # pyright: ignore[reportAttributeAccessIssue,reportUnknownVariableType,reportUnknownMemberType]
    claims = {"sub": "ann", "aud": "roost", "exp": time.time() + 60}
    forms = [
        public.public_bytes(encoding, form)
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    ]
    forms += [json.dumps(RSA.jwk).encode(), RSA.jwk["n"].encode(), base64.urlsafe_b64decode(RSA.jwk["n"] + "==")]
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with issuer(RSA) as one:
        for hook in (
            JWT(audience="roost", keys=RSA.jwk), JWT(audience="roost", keys={"one": pem}),
            JWT(audience="roost", keys=pem),
            JWT(audience="roost", jwks_url=f"{one.url}/keys"),
        ):  # fmt: skip
            assert (await hook(credentials(RSA.token()))).principal == "ann"
            for secret in [*forms, b""]:
                for kid in ("one", None):
                    await refused(hook, _forged({"alg": "HS256", "kid": kid}, claims, secret=secret))


async def test_a_key_is_used_for_its_own_algorithm_only() -> None:
    named = JWT(audience="roost", keys={**RSA.jwk, "alg": "RS512"})
    await refused(named, RSA.token())
    with pytest.raises(ValueError, match="don't go together"):
        JWT(audience="roost", keys={"one": SECRET, "two": RSA.jwk})
    with pytest.raises(ValueError, match="HS256 can't be verified"):
        JWT(audience="roost", jwks_url="https://issuer.example/keys", algorithms=["HS256"])
    with pytest.raises(ValueError, match="none can't be verified"):
        JWT(audience="roost", keys=SECRET, algorithms=["none"])
    published = {"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "one"}]}
    with issuer() as one:
        one.keys = published["keys"]
        hook = JWT(audience="roost", jwks_url=f"{one.url}/keys")
        with pytest.raises(TransientError, match="can't be fetched"):
            await hook(credentials(RSA.token()))


async def test_secrets_are_strong_and_tokens_of_them_are_taken() -> None:
    hook = JWT(audience="roost", keys=SECRET)
    claims = {"sub": "ann", "aud": "roost", "exp": time.time() + 60}
    assert (await hook(credentials(jwt.encode(claims, SECRET, "HS256")))).principal == "ann"
    await refused(hook, jwt.encode(claims, SECRET + "x", "HS256"), words="signature")
    with pytest.raises(ValueError, match="32 bytes"):
        JWT(audience="roost", keys="secret")
    with pytest.raises(ValueError, match="give `keys`"):
        JWT(audience="roost")
    with pytest.raises(ValueError, match="https"):
        JWT(audience="roost", jwks_url="http://issuer.example/keys")


async def test_a_key_that_is_not_known_is_asked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Signer.make("two")
    with issuer(RSA) as one:
        hook = JWT(audience="roost", jwks_url=f"{one.url}/keys")
        await hook(credentials(RSA.token()))
        one.keys.append(other.jwk)
        for _ in range(3):
            await refused(hook, other.token(), words="not known")
        assert len(one.asked) == 1, "anybody can make up a kid: the issuer was fetched just now"
        monkeypatch.setattr(jwks_module, "AGAIN", 0.0)
        assert (await hook(credentials(other.token()))).principal == "ann"
        assert len(one.asked) == 2
        monkeypatch.setattr(jwks_module, "AGAIN", 60.0)
        await refused(hook, other.token(headers={"kid": "three"}))
        assert len(one.asked) == 2


async def test_an_issuer_that_is_down_costs_nothing_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    with issuer(RSA) as one:
        hook = JWT(audience="roost", jwks_url=f"{one.url}/keys", ttl=0.0)
        await hook(credentials(RSA.token()))
        monkeypatch.setattr(jwks_module, "AGAIN", 0.0)
        one.status = 500
        assert (await hook(credentials(RSA.token()))).principal == "ann"
        assert len(one.asked) == 2
        monkeypatch.setattr(jwks_module, "STALE", -1.0)
        with pytest.raises(TransientError) as caught:
            await hook(credentials(RSA.token()))
        assert (caught.value.status, caught.value.code) == (503, "no-keys")


@pytest.mark.parametrize("fault", ["issuer", "redirect", "garbage", "huge", "elsewhere"])
async def test_an_issuer_that_answers_wrongly_is_not_believed(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    def damage(one: Issuer) -> None:
        match fault:
            case "issuer":
                one.says = "https://evil.example"
            case "redirect":
                one.status = 302
            case "garbage":
                one.answer = b"<html>"
            case "elsewhere":
                one.answer = json.dumps({"issuer": one.url, "jwks_uri": "http://evil.example/keys"}).encode()
            case _:
                one.answer = b" " * 300_000

    with issuer(RSA) as one:
        damage(one)
        hook = JWT(issuer=one.url, audience="roost")
        with pytest.raises(TransientError):
            await hook(credentials(RSA.token(iss=one.url)))
        assert len(one.asked) == 1 and one.url in caplog.text


def test_rsa_without_cryptography_agrees_with_it() -> None:
    numbers = RSA.jwk
    key = PublicKey(*(int.from_bytes(base64.urlsafe_b64decode(numbers[x] + "==")) for x in "ne"))
    token = RSA.token()
    front, _, tail = token.rpartition(".")
    signature = base64.urlsafe_b64decode(tail + "==")
    assert key.verifies(front.encode(), signature, "sha256")
    assert not key.verifies(front.encode() + b"x", signature, "sha256")
    assert not key.verifies(front.encode(), signature, "sha512")
    for wrong in (b"", signature[:-1], signature + b"\0", b"\0" + signature, bytes(256), b"\xff" * 256):
        assert not key.verifies(front.encode(), wrong, "sha256")
    # A key of a small exponent, where a root of a message that is only begun rightly can be made up.
    loose = PublicKey((1 << 2048) - 159, 3)
    begun = b"\0\1\xff\0" + bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(b"m").digest()
    target = int.from_bytes(begun + b"\0" * (256 - len(begun)))
    low = 1 << (2048 // 3)
    for _ in range(2100):  # the cube root
        low = (2 * low + target // (low * low)) // 3
    assert not loose.verifies(b"m", (low + 1).to_bytes(256), "sha256")


async def _platform(algorithm: str, jwk: Mapping[str, str], message: bytes, signature: bytes) -> bool:
    """A platform's verification, as a Worker has it."""
    return bool(jwt.get_algorithm_by_name(algorithm).verify(message, jwt.PyJWK(dict(jwk), algorithm).key, signature))


@pytest.mark.parametrize("name", VECTORS)
async def test_the_vectors_of_the_rfcs_hold(name: str) -> None:
    row, token = VECTORS[name]
    key = PlatformKey.of({**row, "d": "private", "alg": name})
    assert key is not None and key.algorithm == name and key.jwk == row
    asked = credentials()
    object.__setattr__(asked, "verify", _platform)
    judged = await key.judged(asked, token)
    algorithm = Judgement()
    assert algorithm.verify(judged.message, judged, judged.signature)
    assert not algorithm.verify(judged.message + b"x", judged, judged.signature)
    assert not algorithm.verify(judged.message, judged, judged.signature[:-1])
    for other in spoilt(token):
        assert not (await key.judged(asked, other)).holds, other
    with pytest.raises(RuntimeError, match="install the package cryptography"):
        await key.judged(credentials(), token)


def test_keys_of_a_platform_are_whole() -> None:
    broken: list[dict[str, Any]] = [
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": 1},
        {"kty": "OKP", "crv": "Ed25519", "x": VECTORS["EdDSA"][0]["x"] + "AAAA"}, {"kty": "EC", "crv": "P-256"},
    ]  # fmt: skip
    for row in broken:
        with pytest.raises((ValueError, KeyError)):
            PlatformKey.of(row)
    others: list[dict[str, Any]] = [
        {"kty": "EC", "crv": "secp256k1"}, {"kty": "OKP", "crv": "Ed448"}, {"kty": "EC", "crv": ["P-256"]},
    ]  # fmt: skip
    for other in others:
        assert PlatformKey.of(other) is None


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
async def test_what_a_platform_verifies_is_judged_whole(alg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issuer, audience and times are asked as ever; a token does not choose its algorithm; another's key is refused."""
    signer = Signer.make("k", alg)
    hook = JWT(issuer="https://issuer.example", audience="roost", keys=signer.jwk)
    key = PlatformKey.of(signer.jwk)
    monkeypatch.setattr(hook, "_keys", [Key("k", frozenset({alg}), key)])

    async def ask(token: str) -> Caller | None:
        asked = credentials(token)
        object.__setattr__(asked, "verify", _platform)
        return await hook(asked)

    good = {"iss": "https://issuer.example"}
    right = signer.token(good, roles=["clerk"])
    refused = [
        (signer.token(good, exp=time.time() - 60), "expired"), (signer.token(good, aud="other"), "audience"),
        (signer.token(iss="https://evil.example"), "issuer"), (Signer.make("k", alg).token(good), "signature"),
        (signer.token(good)[:-4], "signature|read"), (_forged({"alg": "none"}, good), "not taken"),
        (_forged({"alg": "HS256"}, good, secret=json.dumps(signer.jwk).encode()), "not taken"),
    ]  # fmt: skip
    jws = jwt.PyJWS()
    for name in PLATFORM:
        jws.unregister_algorithm(name)
        jws.register_algorithm(name, Judgement())
    monkeypatch.setattr("jwt.api_jwt._jwt_global_obj._jws", jws)
    caller = await ask(right)
    assert caller is not None and (caller.principal, caller.roles) == ("ann", ("clerk",))
    for wrong, words in refused:
        with pytest.raises(Rejected, match=words) as caught:
            await ask(wrong)
        assert (caught.value.status, caught.value.code) == (401, "invalid-token")
