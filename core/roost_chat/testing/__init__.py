"""Chat agents tested without a provider: a scripted model, and a server on loopback that speaks OpenAI's wire."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loopback import Asked, Loopback
    from .script import Busy, Call, Calls, Cut, Entry, Say, Script, Slow, WrongJSON
    from .scripted import scripted

__all__ = [
    "Asked", "Busy", "Call", "Calls", "Cut", "Entry", "Loopback", "Say", "Script", "Slow", "WrongJSON", "scripted",
]  # fmt: skip

_WHERE = {"Asked": "loopback", "Loopback": "loopback", "scripted": "scripted"}
"""Names -> their modules; the others are in `script`. Only `scripted` loads pydantic-ai."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_WHERE.get(name, 'script')}", __name__)
    found = globals()[name] = getattr(module, name)
    return found
