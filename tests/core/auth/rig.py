"""Keys, an issuer on loopback, and hooks asked without a server around them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from roost import Address, Credentials


def credentials(token: str | None = None, /, *, operation: str = "call:add", **headers: str) -> Credentials:
    given = {k.replace("_", "-"): v for k, v in headers.items()}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    found = Credentials(given, {}, Address("counter", "a"), False, "127.0.0.1", operation, "POST")
    object.__setattr__(found, "fetch", lambda: httpx.AsyncClient(trust_env=False))
    return found


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with the name under which its public half is published."""

    kid: str
    alg: str
    private: PrivateKeyTypes

    @classmethod
    def make(cls, kid: str, alg: str = "RS256") -> Signer:
        if alg.startswith("ES"):
            return cls(kid, alg, ec.generate_private_key(ec.SECP256R1()))
        if alg == "EdDSA":
            return cls(kid, alg, ed25519.Ed25519PrivateKey.generate())
        return cls(kid, alg, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @property
    def jwk(self) -> dict[str, Any]:
        algorithm: Any = jwt.get_algorithm_by_name(self.alg)
        public: Any = cast(Any, self.private).public_key()
        return {**cast("dict[str, Any]", algorithm.to_jwk(public, as_dict=True)), "kid": self.kid, "use": "sig"}

    def token(
        self, claims: dict[str, Any] | None = None, /, *, headers: dict[str, Any] | None = None, **more: Any
    ) -> str:
        """Signed; `sub`, `aud` and `exp` are as they should be unless given. None takes a claim away."""
        body = {"sub": "ann", "aud": "roost", "exp": time.time() + 600, **(claims or {}), **more}
        body = {k: v for k, v in body.items() if v is not None}
        return jwt.encode(
            body, cast(Any, self.private), algorithm=self.alg, headers={"kid": self.kid, **(headers or {})}
        )


@dataclass(slots=True)
class Issuer:
    """An OpenID provider: its metadata, its keys, and how often each was asked for."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])
    says: str | None = None
    """The issuer that its metadata name; None: the right one."""
    answer: bytes | None = None
    """What is sent instead of any document."""
    status: int = 200

    def document(self, path: str) -> bytes:
        self.asked.append(path)
        if self.answer is not None:
            return self.answer
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.says or self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return json.dumps({"keys": self.keys}).encode()


@contextmanager
def issuer(*signers: Signer) -> Generator[Issuer]:
    """Served on loopback by a real server."""
    one = Issuer(keys=[s.jwk for s in signers])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = one.document(self.path)
            self.send_response(one.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if one.status in (301, 302):
                self.send_header("location", f"{one.url}/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
