"""What was installed into a bundle, as CycloneDX: https://cyclonedx.org/docs/1.5/json/

Written beside the packages by `wheels.install`, moved to the top of the bundle by its maker. The same input gives the
same bytes: no time, no serial number, and no address of an index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from roost import __version__

SBOM: Final = "sbom.cdx.json"


@dataclass(frozen=True, slots=True)
class Component:
    """One package."""

    name: str
    version: str
    digest: str = ""
    """sha256 of its wheel; empty: not known."""
    license: str = ""

    def document(self) -> dict[str, Any]:
        purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"
        found: dict[str, Any] = {
            "type": "library", "bom-ref": purl, "name": self.name, "version": self.version, "purl": purl,
        }  # fmt: skip
        if self.digest:
            found["hashes"] = [{"alg": "SHA-256", "content": self.digest}]
        if self.license:
            found["licenses"] = [{"license": {"name": self.license}}]
        return found


def write(folder: Path, components: Iterable[Component]) -> None:
    """Note in `folder` what was installed there."""
    listed = sorted((*components, Component("roost", __version__, license="Apache-2.0")), key=lambda c: c.name.lower())
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [c.document() for c in listed],
    }  # fmt: skip
    (folder / SBOM).write_text(json.dumps(document, indent=1) + "\n")


def take(folder: Path, out: Path, app: str) -> None:
    """Move the note from among the packages in `folder` to the top of the bundle `out`, and say whose it is."""
    document = json.loads((folder / SBOM).read_text())
    (folder / SBOM).unlink()
    document["metadata"] = {"component": {"type": "application", "bom-ref": "app", "name": app}}
    (out / SBOM).write_text(json.dumps(document, indent=1) + "\n")
