"""`roost check --security`: each thing that can be open is said, and what is closed is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from roost import ANONYMOUS, PUBLIC, Agent, App, Caller, Credentials, Rejected, Request, action
from roost.contract.quotas import UNLIMITED
from roost_auth import JWT, APIKeys, SignedCookie, anonymous, first_of, new_key
from roost_cli.security import findings

from .program import APP, here, write_app

STRONG = {"ROOST_ADMIN_TOKEN": "a-strong-token-0123456789"}
SECRET = "a secret of 32 bytes or more, 0123"


class Safe(BaseModel):
    count: int = 0


class Leaky(BaseModel):
    count: int = 0
    api_key: str = ""


class Closed(Agent[Safe]):
    @action(roles=("clerk",))
    async def add(self) -> None: ...

    @action(readonly=True)
    async def look(self) -> int:
        return self.state.count


class Open(Agent[Safe]):
    @action
    async def add(self) -> None: ...


class Written(Agent[Safe]):
    client_writes = True


class Told(Agent[Leaky]):
    pass


class Viewed(Agent[Leaky]):
    def view(self) -> Any:
        return {"count": self.state.count}


class Careless(Agent[Safe]):
    async def on_request(self, request: Request, /) -> Any:
        self.state.count += 1
        return "done"


class Careful(Agent[Safe]):
    async def on_request(self, request: Request, /) -> Any:
        if request.method == "POST":
            self.state.count += 1
        return "done"


async def nobody(credentials: Credentials) -> Caller | None:
    raise Rejected("who are you?", code="unauthorized", status=401)


async def anybody(credentials: Credentials) -> Caller | None:
    return ANONYMOUS


async def broken(credentials: Credentials) -> Caller | None:
    raise KeyError("token")


async def readers(credentials: Credentials) -> Caller | None:
    return ANONYMOUS if credentials.operation in ("state", "connect") else None


def codes(
    kinds: list[type[Agent[Any, Any]]], environment: dict[str, str] | None = None, **options: Any
) -> dict[str, str]:
    given: dict[str, Any] = {"hosts": ["example.com"], "auth": nobody, **options}
    found = findings(App(kinds, **given), STRONG if environment is None else environment)
    levels = [one.level for one in found]
    assert levels == sorted(levels, key=lambda level: level != "open")
    return {one.code: one.level for one in found if one.code != "any-egress"}


def test_an_app_that_is_closed_has_nothing_to_say() -> None:
    key, hash = new_key()
    assert key
    hooks: list[Any] = [
        nobody, broken, APIKeys({"ci": str(hash)}), SignedCookie(SECRET),
        JWT(audience="roost", issuer="https://issuer.example"),
    ]  # fmt: skip
    for hook in [*hooks, first_of(*hooks[2:])]:
        assert codes([Closed, Open, Careful, Viewed], auth=hook) == {}


def test_who_may_come_in() -> None:
    assert codes([Open], auth=None) == {"no-hook": "open"}
    assert codes([Open], auth=PUBLIC) == {"public": "look"}
    assert codes([Open], auth=anybody) == {"anonymous-calls": "open", "anonymous-reads": "look"}
    assert codes([Closed], auth=anybody) == {"anonymous-reads": "look"}
    assert codes([Open], auth=readers) == {"anonymous-connects": "open", "anonymous-reads": "look"}
    assert codes([Closed], auth=readers) == {"anonymous-reads": "look"}
    assert codes([Written], auth=readers) == {
        "anonymous-writes": "open", "anonymous-reads": "look", "client-writes": "look"
    }  # fmt: skip
    assert codes([Written]) == {"client-writes": "look"}
    assert codes([Open], auth=first_of(SignedCookie(SECRET), anonymous("state"))) == {"anonymous-reads": "look"}


def test_operators() -> None:
    assert codes([Closed], {"ROOST_ADMIN_TOKEN": "admin"}) == {"weak-operator": "open"}
    assert codes([Closed], {"ROOST_OPERATORS": "{"}) == {"weak-operator": "open"}
    assert codes([Closed], {}) == {"no-operator": "look"}


def test_from_where() -> None:
    assert codes([Closed], origins=["*"]) == {"any-origin": "open"}
    assert codes([Closed], origins=["http://example.com", "http://localhost:3000"]) == {"plain-origin": "look"}
    assert codes([Closed], hosts=[]) == {"any-host": "look"}
    assert codes([Closed], quotas=UNLIMITED) == {"no-quotas": "look"}


def test_what_agents_show_and_do() -> None:
    assert codes([Told]) == {"secret-in-view": "open"}
    assert codes([Careless]) == {"request-changes": "look"}


def test_ready_made_hooks() -> None:
    assert codes([Closed], auth=JWT(audience=None, keys=SECRET)) == {"any-audience": "open", "any-issuer": "look"}
    cookie = SignedCookie(SECRET, name="session", secure=False)
    assert codes([Closed], auth=first_of(cookie)) == {"plain-cookie": "open"}


def test_the_command_says_it_and_ends_with_1(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    done = here("check", "--security", cwd=tmp_path, ROOST_ADMIN_TOKEN="weak")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no-hook" in done.stdout and "weak-operator" in done.stdout and "any-host" in done.stdout
    assert "--accept weak-operator --accept no-hook" in done.stdout or "--accept no-hook" in done.stdout
    done = here("check", "--security", "--accept", "no-hook", "--accept", "nothing", cwd=tmp_path, **STRONG)
    assert done.returncode == 0 and "meant no-hook" in done.stdout and "nothing" in done.stderr
    done = here("check", "--security", "--json", cwd=tmp_path, **STRONG)
    rows = {row["code"]: row for row in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1 and rows["no-hook"]["level"] == "open" and not rows["no-hook"]["accepted"]
