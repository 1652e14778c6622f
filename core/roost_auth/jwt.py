"""Tokens of an issuer: JSON Web Tokens, verified by PyJWT (`pip install 'roost[auth]'`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import jwt

from roost import Caller, Credentials

from .jwks import Jwks
from .keys import ASYMMETRIC, HMAC, Key, static
from .platform_keys import PlatformKey
from .refusal import invalid, missing

SIZE: Final = 16 * 1024
"""Characters of a token that is looked at."""


class JWT:
    """The hook. Keys are `keys=` (a secret, PEM, JWK, or several by `kid`), those at `jwks_url`, or, with neither, the
    ones that the `issuer`'s OpenID configuration names. `audience` must be said; None: whatever it is for is taken.

    `algorithms`: of the tokens taken; by default those that the keys are for. `roles`: the claim they are in, a list
    or a text with spaces, with dots into objects (`realm_access.roles`). `leeway`, `ttl`: seconds, for clocks that
    differ, and until keys are fetched again. `claims`: those that `self.caller.claims` has, and that letters and
    connections keep; None: all. `query`: a parameter that may hold the token; better take a ticket.
    """

    def __init__(
        self,
        *,
        audience: str | Sequence[str] | None,
        issuer: str | Sequence[str] | None = None,
        keys: Any = None,
        jwks_url: str | None = None,
        algorithms: Sequence[str] | None = None,
        leeway: float = 30.0,
        roles: str = "roles",
        principal: str = "sub",
        claims: Sequence[str] | None = None,
        require: Sequence[str] = ("exp",),
        ttl: float = 3600.0,
        query: str | None = None,
    ) -> None:
        """ValueError: what is given doesn't fit together, or is not safe."""
        if keys is not None and jwks_url is not None:
            raise ValueError("JWT: give `keys` or `jwks_url`, not both")
        self._keys = None if keys is None else static(keys)
        self._jwks: Jwks | None = None
        if self._keys is None:
            if jwks_url is None and not isinstance(issuer, str):
                raise ValueError("JWT: give `keys`, `jwks_url`, or one `issuer` whose configuration names its keys")
            self._jwks = Jwks(jwks_url, issuer if isinstance(issuer, str) else None, ttl)
        possible = set(ASYMMETRIC)
        if self._keys is not None:
            possible = {name for key in self._keys for name in key.algorithms}
            if possible & HMAC.keys() and possible - HMAC.keys():
                raise ValueError("JWT: secrets and public keys don't go together: use two hooks with first_of(...)")
        self.algorithms = frozenset(possible if algorithms is None else algorithms)
        if not self.algorithms or not self.algorithms <= possible:
            wrong = ", ".join(sorted(self.algorithms - possible)) or "none"
            raise ValueError(f"JWT: {wrong} can't be verified with these keys here; {', '.join(sorted(possible))} can")
        if not 0 <= leeway <= 600:
            raise ValueError("JWT: leeway is 0 to 600 seconds")
        self.audience, self.issuer = audience, issuer
        self._leeway, self._roles, self._principal, self._query = leeway, roles.split("."), principal, query
        self._require = sorted({*require, principal})
        self._kept = None if claims is None else frozenset(claims)

    def __repr__(self) -> str:
        return f"JWT(issuer={self.issuer!r}, audience={self.audience!r})"

    async def __call__(self, credentials: Credentials) -> Caller:
        token = credentials.bearer
        if token is None and self._query is not None:
            token = credentials.query.get(self._query)
        if token is None or token.count(".") != 2:
            raise missing("a token (JWT) as `Authorization: Bearer ...`")
        if len(token) > SIZE:
            raise invalid("this token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise invalid("this token can't be read") from None
        name, kid = header.get("alg"), header.get("kid")
        if not isinstance(name, str) or name not in self.algorithms or "crit" in header:
            raise invalid("this token is signed in a way that is not taken here")
        key = await self._key(credentials, name, kid if isinstance(kid, str) else None)
        material = key.material
        if isinstance(material, PlatformKey):
            try:
                material = await material.judged(credentials, token)
            except ValueError:
                raise invalid("this token does not hold") from None
        return self._caller(self._claims(token, material, name))

    async def _key(self, credentials: Credentials, name: str, kid: str | None) -> Key:
        """The one key that may have signed it."""
        if self._keys is not None:
            known = self._keys
        else:
            assert self._jwks is not None
            known = await self._jwks.keys(credentials, kid)
        fit = [key for key in known if name in key.algorithms and (kid is None or key.kid in (kid, None))]
        if len(fit) > 1:
            fit = [key for key in fit if key.kid == kid]
        if len(fit) != 1:
            raise invalid("this token is signed with a key that is not known here")
        return fit[0]

    def _claims(self, token: str, material: Any, name: str) -> Mapping[str, Any]:
        options: Any = {"require": self._require, "verify_aud": self.audience is not None}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, material, algorithms=[name], audience=self.audience, issuer=self.issuer,
                leeway=self._leeway, options=options,
            )  # fmt: skip
            # Python reads more than JSON has: what is no number, half a character. No letter could keep them.
            json.dumps(claims, allow_nan=False, ensure_ascii=False).encode()
            return claims
        except jwt.ExpiredSignatureError:
            raise invalid("this token has expired") from None
        except jwt.InvalidSignatureError:
            raise invalid("the signature of this token does not hold") from None
        except jwt.InvalidAudienceError:
            raise invalid("this token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise invalid("this token is of another issuer") from None
        except jwt.MissingRequiredClaimError as error:
            raise invalid(f"this token lacks the claim {error.claim}") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise invalid("this token does not hold") from None

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        who = claims[self._principal]
        if not isinstance(who, str) or not who:
            raise invalid(f"the claim {self._principal} of this token is no name")
        expires = claims.get("exp")
        try:
            until = None if expires is None else float(expires) + self._leeway
        except (TypeError, ValueError, OverflowError):
            raise invalid("the claim exp of this token is no time") from None
        found: Any = claims
        for part in self._roles:
            found = cast("dict[str, Any]", found).get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            roles = tuple(found.split())
        elif isinstance(found, list):
            roles = tuple(role for role in found if isinstance(role, str))  # pyright: ignore[reportUnknownVariableType]
        else:
            roles = ()
        kept = {k: v for k, v in claims.items() if self._kept is None or k in self._kept}
        return Caller(who, kept, "client", until, roles)
