"""The JSON schema of `agent.yaml`, for editors: `roost validate --schema`."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from .forms import Flat, Form, Resource, Whole


def schema() -> dict[str, Any]:
    """All forms: one of three."""
    made = TypeAdapter[Form](Flat | Whole | Resource).json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "An agent of Roost", **made}
