"""Cloudflare as the command line sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.platform import Platform

if TYPE_CHECKING:
    from roost.testing.harness import Harness


class CloudflarePlatform(Platform):
    """Durable Objects; on this machine in the real workerd."""

    name = "cloudflare"
    emulator = "workerd"

    def harness(self) -> Harness:
        from .harness import CloudflareHarness

        return CloudflareHarness()


CLOUDFLARE: Final = CloudflarePlatform()
