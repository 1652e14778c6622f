"""AWS Lambda as the command line sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.hosting.platform import Bundle, Emulator, Platform, Project, Say, Serving

if TYPE_CHECKING:
    from pathlib import Path

    from roost_conformance.harness import Harness


class LambdaPlatform(Platform):
    """Lambda and DynamoDB; on this machine in ministack."""

    name = "lambda"
    emulator = "aws-emulator"
    base_path = "prod"

    def bundle(self, project: Project, out: Path, say: Say) -> Bundle:
        from .bundle import bundle

        return bundle(project, out, say)

    def dev(self, project: Project, serving: Serving) -> Emulator:
        from .dev import AwsEmulator

        return AwsEmulator(project, serving)

    def harness(self) -> Harness:
        from .harness import LambdaHarness

        return LambdaHarness()


LAMBDA: Final = LambdaPlatform()
