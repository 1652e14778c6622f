"""The answer of `on_request`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..contract.encoding import encode, utf8
from ..contract.errors import AgentError

_TOKEN: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer: `body` is text, bytes, or data to be sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def encoded(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """(status, headers, body); the content type follows from the body unless given."""
        if not 200 <= self.status <= 599:
            raise AgentError(f"Response(status={self.status}): a status is 200 to 599")
        headers = [(k.lower(), v) for k, v in self.headers.items()]
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise AgentError(f"Response(headers=...): {name!r}: {value!r} can't be a header (RFC 9110, 5.5)")
        if isinstance(self.body, str):
            raw, kind = utf8(self.body, "the response"), "text/plain; charset=utf-8"
        elif isinstance(self.body, (bytes, bytearray)):
            raw, kind = bytes(self.body), "application/octet-stream"
        else:
            raw, kind = encode(self.body, "the response"), "application/json"
        if raw and not any(k == "content-type" for k, _ in headers):
            headers.append(("content-type", kind))
        return self.status, headers, raw

    @classmethod
    def of(cls, value: Any) -> Response:
        """What a hook returned, as a Response; None is 204."""
        if isinstance(value, Response):
            return value
        return cls(status=204) if value is None else cls(value)
