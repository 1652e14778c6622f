"""The fuzzer's app on a backend."""

from __future__ import annotations

from pathlib import Path

from roost.hosting.platform import Project

from .door import Door, There

ROOT = Path(__file__).parents[2]
APP = "tests.fuzz.app:app"
FILES = ("__init__.py", "app.py", "family.py")


def deployed(backend: str) -> Door:
    """Start it. ValueError: there is no such backend."""
    match backend:
        case "memory" | "local":
            from roost_local.harness import LocalHarness, MemoryHarness

            from .app import app

            return There(MemoryHarness(app=app) if backend == "memory" else LocalHarness(app=APP))
        case "cloudflare":
            from roost_cloudflare.harness import CloudflareHarness

            return There(CloudflareHarness(module="fuzz.app", packages=[ROOT / "tests/fuzz"]))
        case "lambda":
            from roost_lambda.harness import LambdaHarness

            files = {"tests/__init__.py": ROOT / "tests/__init__.py"}
            files |= {f"tests/fuzz/{name}": ROOT / "tests/fuzz" / name for name in FILES}
            return There(LambdaHarness(project=Project(APP, ROOT, files=files)))
        case _:
            raise ValueError(f"there is no backend {backend!r}")
