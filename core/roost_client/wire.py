"""What goes into a request: JSON text, paths, idempotency keys. Refused here rather than half sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from pydantic_core import to_jsonable_python

from roost.contract.address import Address


def encode(value: Any) -> str:
    """JSON text of `value`; models, dates and the like as pydantic has them. ValueError for NaN and Infinity.

    Text that is not valid Unicode (a lone surrogate) is a ValueError too: no server could store it.
    """
    text = json.dumps(value, default=to_jsonable_python, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()
    return text


def arguments(args: Sequence[Any], kwargs: Mapping[str, Any], **more: Any) -> str:
    """The body of a call or a tell."""
    return encode({**more, "args": list(args), "kwargs": dict(kwargs)})


def check_name(address: Address) -> Address:
    """`address` itself; ValueError if no URL can name it. Its limits are the server's to judge."""
    if not address.kind or not address.key:
        raise ValueError(f"an agent has a kind and a key; got {tuple(address)!r}")
    address.key.encode()
    return address


def agent_path(address: Address) -> str:
    """`{kind}/{key}`, each one path segment. `.` and `..` are encoded, or a URL parser would swallow them."""
    return f"{_segment(address.kind)}/{_segment(address.key)}"


def action_path(address: Address, verb: str, action: str) -> str:
    """The path of a call or a tell."""
    return f"/v1/agents/{agent_path(address)}/{verb}/{_segment(action)}"


def check_idempotency_key(key: str) -> str:
    """`key` itself; ValueError unless an HTTP header can carry it: visible ASCII."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"an idempotency key is visible ASCII without blanks; got {key!r}")
    return key


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own: no proxy is asked for it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _segment(text: str) -> str:
    encoded = quote(text, safe="")
    return encoded.replace(".", "%2E") if encoded in {".", ".."} else encoded
