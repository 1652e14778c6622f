"""Routes of another package, found by its entry point and served by `roost serve`."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from roost_http.plugged import Routes, joined
from roost_http.routes import Route

from .cli.program import Running, write_app

TOKEN = "the-operator-of-these-routes-1"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
PACKAGE = """
from roost_http.answer import as_json, reply
from roost_http.plugged import Routes
from roost_http.routes import Route


async def parts(x):
    return as_json({"parts": [], "of": str(x.address), "by": x.caller and x.caller.source})


def hello(site):
    async def answer(scope, receive, send):
        await reply(send, as_json({"path": scope["path"], "kinds": sorted(site.app.kinds)}))

    return answer


ROUTES = Routes(
    {"parts": {"GET": Route(parts), "DELETE": Route(parts, admin=True)}},
    {"hello": hello},
)
"""


def test_an_installed_package_adds_routes(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "roost_more.py").write_text(PACKAGE)
    info = tmp_path / "roost_more-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: roost-more\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[roost.routes]\nmore = roost_more:ROUTES\n")
    with Running("serve", "--port", "0", cwd=tmp_path, ROOST_ADMIN_TOKEN=TOKEN) as server:
        agent = f"{server.url}/v1/agents/counter/a"
        found = httpx.get(f"{agent}/parts")
        assert found.status_code == 200 and found.json() == {"parts": [], "of": "counter/a", "by": None}
        assert httpx.delete(f"{agent}/parts").status_code == 401, "the operator's"
        assert httpx.delete(f"{agent}/parts", headers=ADMIN).json()["by"] == "operator"
        refused = httpx.post(f"{agent}/parts")
        assert refused.status_code == 405 and refused.headers["allow"] == "DELETE, GET, HEAD"
        assert httpx.get(f"{server.url}/v1/agents/nobody/a/parts").status_code == 404, "there is no such kind"
        mounted = httpx.get(f"{server.url}/hello/there")
        assert json.loads(mounted.content) == {"path": "/hello/there", "kinds": ["counter"]}
        assert httpx.get(f"{server.url}/hello", headers={"Host": "elsewhere.example"}).status_code == 421
        assert httpx.get(f"{agent}/state").status_code == 404, "ours are as before"


@pytest.mark.parametrize("routes", [Routes({"state": {}}), Routes({}, {"agents": lambda site: site.app.web or _never})])
def test_what_is_ours_is_not_taken(routes: Routes) -> None:
    with pytest.raises(ValueError, match="two packages answer"):
        joined([routes])


def test_two_packages_do_not_claim_the_same() -> None:
    one = Routes({"parts": {"GET": Route(_parts)}})
    with pytest.raises(ValueError, match=r"two packages answer /v1/agents/\{kind\}/\{key\}/parts"):
        joined([one, one])


async def _parts(x: object) -> None:
    return None


async def _never(scope: object, receive: object, send: object) -> None:
    raise AssertionError
