"""The wrangler.toml of a bundle: what Cloudflare must know of a Worker that runs Roost.

The classes' names are part of every deployment: Cloudflare finds an object's storage by its class.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

DATE: Final = "2026-11-01"
"""The compatibility date; from 2026-09-08 on Python is 3.14."""
FLAGS: Final = ("enable_request_signal", "request_signal_passthrough")
"""They tell an object that the reader of a stream has left."""
CLASSES: Final = {"ROOST_AGENT": "RoostAgent", "ROOST_REGISTRY": "RoostRegistry"}
"""Binding -> class."""


def wrangler_toml(name: str, main: str, data: Sequence[str] = ()) -> str:
    """The file's text. `data`: files beside the entry that are no Python, which wrangler takes along if told."""
    flags = ", ".join(map(json.dumps, ("python_workers", *FLAGS)))
    bindings = ",\n".join(f'    {{ name = "{b}", class_name = "{c}" }}' for b, c in CLASSES.items())
    classes = ", ".join(map(json.dumps, CLASSES.values()))
    globs = ", ".join(map(json.dumps, data))
    rules = f'\n[[rules]]\ntype = "Data"\nglobs = [{globs}]\nfallthrough = true\n' if data else ""
    return f"""\
# Made by `roost bundle cloudflare`.
name = {json.dumps(name)}
main = {json.dumps(main)}
compatibility_date = "{DATE}"
compatibility_flags = [{flags}]

[durable_objects]
bindings = [
{bindings},
]

[[migrations]]
tag = "v1"
new_sqlite_classes = [{classes}]

[observability]
enabled = true
{rules}"""
