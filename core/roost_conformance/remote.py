"""A deployment somebody else runs, as a harness: what can be done to it over HTTP, and no more.

It can't be killed, started empty, or made to hibernate between any two ticks: `run(..., crashes=False)` in the
mode it is in lists the cases that need this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from roost.contract.address import Address
from roost.contract.errors import NotSupported, Rejected, RoostError, TransientError
from roost.ports import Capabilities

from .app import app
from .stage import PATIENCE

DEPLOY: Final = """\
  deploy the suite's own agents, in a deployment of their own, and name its URL:
    here        ROOST_ADMIN_TOKEN=... roost serve roost.testing.app:app
    Cloudflare  roost bundle cloudflare roost.testing.app:app
    Lambda      roost bundle lambda roost.testing.app:app"""


async def hibernate(url: str, token: str, address: Address) -> None:
    """Put one agent to sleep by the operator's route."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
        answer = await client.post(f"{url}/v1/agents/{address.path}/hibernate")
        assert answer.status_code == 200, answer.text


class RemoteHarness:
    """Made by `look`, which asks the deployment what it is."""

    def __init__(self, url: str, token: str, said: Mapping[str, Any], base_path: str | None) -> None:
        self.url = url
        self.admin_token = token
        self.base_path = base_path
        self.patience = PATIENCE
        self.capabilities = _capabilities(said)
        self.thinks = "chatter" in said["kinds"]
        """Chat agents are there only where pydantic-ai is."""
        self.version: str = said["version"]
        """Of Roost there."""
        self.restless: bool = said["restless"]
        """Its agents hibernate between any two ticks: the one mode it can be seen in."""

    @property
    def log(self) -> str:
        """It prints elsewhere."""
        return ""

    async def start(self, *, restless: bool) -> None:
        if restless is not self.restless:
            raise NotSupported("a deployment is in the mode it was started in")

    async def evict(self, address: Address) -> None:
        await hibernate(self.url, self.admin_token, address)

    async def crash(self) -> None:
        raise NotSupported("a deployment can't be killed from outside")

    async def stop(self) -> None:
        """It runs on."""


async def look(url: str, token: str, *, base_path: str | None = None) -> RemoteHarness:
    """What is deployed at `url`, ready to be examined.

    RoostError `unreachable`, `not-roost`, `no-conformance-app`, `unauthorized`: what is in the way, and what to do.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise Rejected(f"{url!r} is no http:// or https:// URL", code="bad-url")
    url = url.rstrip("/")
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        try:
            answer = await client.get("/v1/capabilities")
            listed = await client.get("/v1/agents", params={"limit": 1}, headers={"authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise TransientError(
                f"nothing answers at {url}: {str(error) or type(error).__name__}", code="unreachable"
            ) from error
    said = _document(answer)
    if said is None:
        raise Rejected(
            f"{url} serves no Roost of today: GET /v1/capabilities answered {answer.status_code}\n{DEPLOY}",
            code="not-roost",
        )
    missing = sorted(name for name in app.kinds.keys() - set(said["kinds"]) if not name.startswith("chat"))
    if missing:
        has, lacks = ", ".join(said["kinds"][:5]), ", ".join(missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise Rejected(
            f"{url} does not serve the conformance app: it has the kinds {has}, and lacks {lacks}{more}\n{DEPLOY}",
            code="no-conformance-app",
        )
    if listed.status_code in {401, 403}:
        raise Rejected(
            f"{url} takes another admin token: {_detail(listed)}\n  give the one it was deployed with: --token, or "
            "ROOST_ADMIN_TOKEN",
            code="unauthorized",
        )
    harness = RemoteHarness(url, token, said, base_path)
    if not harness.capabilities.connect_path and base_path is None:
        raise Rejected(
            f"WebSockets of {harness.capabilities.name} come in at one URL: name its path with --base-path",
            code="no-base-path",
        )
    return harness


def _document(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        said = answer.json() if answer.status_code == 200 else None
    except ValueError:
        return None
    wanted = {"backend", "version", "restless", "capabilities", "kinds"}
    return said if isinstance(said, dict) and wanted <= said.keys() else None  # pyright: ignore[reportUnknownVariableType] (JSON)


def _capabilities(said: Mapping[str, Any]) -> Capabilities:
    known = {f.name for f in fields(Capabilities)} - {"name"}
    strange = sorted(said["capabilities"].keys() - known)
    if strange:
        raise RoostError(
            f"the deployment speaks of {', '.join(strange)}, which this suite does not know: its Roost is "
            f"{said['version']}, use that version's suite",
            code="other-version",
        )
    return Capabilities(said["backend"], **said["capabilities"])


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code}"
