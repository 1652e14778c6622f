"""The JSON schema of `roost.yaml`, for editors: docs/roost.schema.json, `roost config schema`."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import Any

from roost.contract.limits import Limits

from .form import NEEDS, Settings


def schema() -> dict[str, Any]:
    """Both names of what has two."""
    made = Settings.model_json_schema()
    made["properties"]["limits"] = {
        "type": "object",
        "additionalProperties": False,
        "description": "Of every agent. A size or a duration may be text: 1Mi, 30s.",
        "properties": {
            f.name: {"type": ["number", "string"], "description": f"{f.metadata['unit']}; {f.default:g} unless said"}
            for f in fields(Limits)
            if not f.metadata.get("fixed")
        },
    }
    kinds = made["$defs"]
    for name in ("SessionStore", "Memory", "Artifacts", "Statistics"):
        backends = kinds[name]["properties"]["backend"]
        backends["enum"] = [*backends["enum"], "files"] if "filesystem" in backends["enum"] else backends["enum"]
        assert {*backends["enum"]} <= {*NEEDS, "files"}
    services = kinds["Services"]["properties"]
    services["artifact"] = deepcopy(services["artifacts"])
    made["properties"]["store"] = {"anyOf": [{"$ref": "#/$defs/SessionStore"}, {"type": "string"}]}
    kinds["Http"]["properties"] |= {name: deepcopy(kinds["Server"]["properties"][name]) for name in ("host", "port")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "roost.yaml",
        "description": "What an operator says of a deployment of Roost. ${VAR} is filled from the environment.",
    }
