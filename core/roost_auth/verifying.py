"""An algorithm of PyJWT that verifies, and neither signs nor reads keys."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

from jwt.algorithms import Algorithm

K = TypeVar("K")


class Verifying(Algorithm, Generic[K]):
    """Of keys of one class."""

    key_class: type[K]

    def prepare_key(self, key: Any) -> K:
        if not isinstance(key, self.key_class):
            raise TypeError("a key of another kind")
        return key

    def sign(self, msg: bytes, key: Any) -> NoReturn:
        raise NotImplementedError("only verification")

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:
        raise NotImplementedError("only verification")

    @staticmethod
    def from_jwk(jwk: Any) -> NoReturn:
        raise NotImplementedError("only verification")
