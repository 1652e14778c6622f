"""Operators that a harness configures beside its admin token: what ROOST_OPERATORS says."""

from __future__ import annotations

import json
from typing import Final

READER: Final = "a-reader-of-the-conformance-suite"
OLD: Final = "an-older-token-of-the-suite-0123"
NEW: Final = "the-newer-token-of-the-suite-0123"
OPERATORS: Final = json.dumps(
    {"grafana": {"role": "read", "tokens": [READER]}, "ann": {"role": "operate", "tokens": [OLD, NEW]}}
)
