"""Cloudflare as the command line sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.hosting.platform import Bundle, Emulator, Platform, Project, Say, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from roost_conformance.harness import Harness


class CloudflarePlatform(Platform):
    """Durable Objects; on this machine in the real workerd."""

    name = "cloudflare"
    emulator = "workerd"

    def bundle(self, project: Project, out: Path, say: Say) -> Bundle:
        from .bundle import bundle

        return bundle(project, out, say)

    def dev(self, project: Project, serving: Serving) -> Emulator:
        from .emulator import WorkerdEmulator

        return WorkerdEmulator(project, serving)

    def harness(self) -> Harness:
        from .harness import CloudflareHarness

        return CloudflareHarness()


CLOUDFLARE: Final = CloudflarePlatform()
