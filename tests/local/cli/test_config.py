"""`roost.yaml`: every form that must load, what each mistake is called, with its place, and what `serve` does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from roost import App
from roost.contract.quotas import Quotas, Rate
from roost_chat.definitions.document import BadDefinition
from roost_cli.config import applied
from roost_cli.config.filled import filled, hidden
from roost_cli.config.names import VARIABLES
from roost_cli.config.reading import Loaded, load
from roost_cli.config.refused import refused
from roost_cli.config.schema import schema
from roost_cli.config.shown import shown

from .program import APP, Running, here, write_app

STAGE_1 = """\
data_dir: ./.roost/
services:
  session: { backend: filesystem, path: ./.roost/sessions/ }
  memory: { backend: filesystem, path: ./.roost/memory/ }
  artifacts: { backend: filesystem, path: ./.roost/artifacts/ }      # `artifact` is the same
gateways:
  http: { enabled: true, port: 8080 }
  cli: { enabled: true }
  external:
    - name: telegram
      command: roost-gateway-telegram
      config: { bot_token: ${TELEGRAM_BOT_TOKEN} }
session: { on_disconnect: continue, max_background_runtime: 30m, output_buffer_size: 1000 }
agents: { static: { path: ./.roost/agents, watch: true } }
"""
STAGE_2 = """\
services:
  session: { backend: postgres, url: ${DATABASE_URL} }
  memory: { backend: filesystem }
  artifacts: { backend: s3, bucket: team-artifacts }
"""
STAGE_3 = """\
server: { host: 0.0.0.0, port: 8080 }
gateways: { http: { enabled: true, port: 8080 }, cli: { enabled: false }, external: [] }
services:
  session: { backend: postgres, url: ${DATABASE_URL} }
  memory: { backend: postgres, url: ${DATABASE_URL} }
  artifacts: { backend: s3, bucket: ${S3_BUCKET}, region: ${AWS_REGION} }
session: { on_disconnect: continue, max_background_runtime: 1h }
agents: { dynamic: { path: ./.roost/sys/dyn_agents }, lazy_load: true, cache_size: 10000 }
admin: { enabled: true, token: ${ROOST_ADMIN_TOKEN} }
"""
TOKEN = "the-token-of-an-operator"
ENVIRONMENT = {
    "TELEGRAM_BOT_TOKEN": "bot-secret", "DATABASE_URL": "postgres://roost:db-secret@db/roost?sslpassword=pem-secret",
    "S3_BUCKET": "bucket", "AWS_REGION": "eu-west-1", "ROOST_ADMIN_TOKEN": TOKEN,
}  # fmt: skip


def read(folder: Path, text: str, **environment: str) -> Loaded:
    file = folder / "roost.yaml"
    file.write_text(text)
    return load(file, folder, environment)


def wrong(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(BadDefinition) as error:
        read(folder, text, **environment)
    return [str(p).removeprefix(f"{folder}/") for p in error.value.problems]


@pytest.mark.parametrize(
    ("text", "not_there"),
    [
        (STAGE_1,
         ["services.artifacts.backend", "gateways.external", "agents.static.watch"]),
        (STAGE_2, ["services.artifacts.backend"]),
        (
            STAGE_3,
            ["services.memory.backend", "services.artifacts.backend", "agents.dynamic",
             "agents.lazy_load", "agents.cache_size"],
        ),
    ],
)  # fmt: skip
def test_every_stage_loads_and_what_is_not_there_yet_is_refused_by_name(
    tmp_path: Path, text: str, not_there: list[str]
) -> None:
    loaded = read(tmp_path, text, **ENVIRONMENT)
    found = refused(loaded)
    assert [p.message.partition(":")[0] for p in found] == not_there
    assert all(p.line and p.column for p in found)
    said = json.dumps([(row.name, row.value) for row in shown(loaded)])
    assert "secret" not in said and TOKEN not in said


def test_stage_1_without_what_is_not_there_is_served(tmp_path: Path) -> None:
    write_app(tmp_path)
    (tmp_path / "duragent.yaml").write_text(
        "services: { session: { backend: filesystem, path: ./kept/ }, memory: { backend: agent } }\n"
        "gateways: { http: { enabled: true, port: 0 }, cli: { enabled: true }, external: [] }\n"
        "admin: { token: '${WHO:?say who}' }\n"
        "limits: { arguments: 1Ki }\n"
    )
    (tmp_path / "who").write_text(f"{TOKEN}\n")
    with Running("serve", cwd=tmp_path, WHO_FILE="who") as server:
        url = server.url
        assert httpx.post(f"{url}/v1/agents/counter/a/call/increment", json={}).json()["result"] == 1
        big = httpx.post(f"{url}/v1/agents/counter/a/call/increment", json={"args": ["x" * 2000]})
        assert big.status_code == 413 and "1024" in big.text
        hibernated = httpx.post(f"{url}/v1/agents/counter/a/hibernate", headers={"authorization": f"Bearer {TOKEN}"})
        assert hibernated.status_code < 300
        assert server.end() == 0
    assert (tmp_path / "kept" / "agents.db").is_file()
    done = here("serve", cwd=tmp_path)
    assert done.returncode == 4 and "duragent.yaml:3:10: WHO: say who" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("servr: {}\n", "roost.yaml:1:1: servr is not known: did you mean server?"),
        ("server: { prot: 1 }\n", "roost.yaml:1:11: server.prot is not known: did you mean port?"),
        ("server: { port: 1, port: 2 }\n", "roost.yaml:1:20: 'port' stands here twice"),
        ("server: { port: 70000 }\n", "roost.yaml:1:11: server.port: Input should be less than or equal to 65535"),
        ("server: { host: 'a:80' }\n", "roost.yaml:1:11: server.host: a host is a name or an address; the port is a "
         "key of its own"),
        ("server: { port: 1 }\ngateways: { http: { port: 2 } }\n",
         "roost.yaml:2:21: gateways.http.port and server.port (line 1) are one key, and say different things"),
        ("store: { backend: memory }\nservices:\n  session: { backend: filesystem }\n",
         "roost.yaml:1:1: store and services.session (line 3) are one key, and say different things"),
        ("services:\n  artifact: { backend: s3 }\n",
         "roost.yaml:2:3: services.artifacts: the backend s3 needs bucket"),
        ("services: { memory: { backend: agent, path: x } }\n",
         "roost.yaml:1:13: services.memory: path says nothing to the backend agent, which takes nothing else"),
        ("services: { session: { backend: postgres, url: 'mysql://me:pw@x' } }\n",
         "roost.yaml:1:13: services.session: url: it must begin with postgres:// or postgresql://"),
        ("limits: { stat: 3 }\n", "roost.yaml:1:11: limits.stat is not known: did you mean state?"),
        ("limits: { depth: 3 }\n", "roost.yaml:1:11: limits.depth: this limit is 40 levels for every app, as JSON in "
         "workerd ends near 50 levels; pydantic_core reads 200, writes 253"),
        ("egress: [a.example, '*.*']\n", "roost.yaml:1:21: egress.1: a line is a host such as api.example.com, "
         "*.example.com, an address, a network such as 10.0.0.0/8, or * for any public host; :PORT may follow"),
        ("quotas: { calls: lots }\n", "roost.yaml:1:11: quotas.calls: a rate is written as 1200/m or 300/1h; off for "
         "none"),
        ("data_dir: ${HOMER}\n", "roost.yaml:1:1: HOMER is not set: set it or HOMER_FILE, or write ${HOMER:-default}"),
        ("data_dir: ${1}\n", "roost.yaml:1:1: ${1} is no reference: ${VAR}, ${VAR:-default} or ${VAR:?message}"),
        ("${A}: 1\n", "roost.yaml:1:1: a reference ${...} stands for a value, not for a key"),
        ("data_dir: \ue041\n", "roost.yaml: the character U+E041 has no place in it"),
        ("- a\n", "roost.yaml:1:1: it is a table: server, services, agents, ..."),
        ("a: [\n", "roost.yaml:2:1: no YAML: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_a_way_out(tmp_path: Path, text: str, message: str) -> None:
    assert wrong(tmp_path, text) == [message]


def test_values_are_filled_after_parsing(tmp_path: Path) -> None:
    loaded = read(
        tmp_path,
        "server: { host: ${HOST:-::1}, port: ${PORT} }\n"
        "data_dir: a-${X}${Y:-, b: [}$${Z}\n"
        "egress: ${HOSTS}\n"
        "gateways: { cli: { enabled: ${NO} } }\n",
        PORT="81", X="{ c: &d !!e", HOSTS="a.example, b.example:443", NO="false",
    )  # fmt: skip
    given = loaded.settings
    assert (given.server.host, given.server.port) == ("::1", 81)
    assert given.data_dir == "a-{ c: &d !!e, b: [${Z}"
    assert given.egress == ("a.example", "b.example:443")
    assert not given.gateways.cli.enabled
    assert hidden("${é} ${A") != "" and filled(hidden("no ${A} $B"), {"A": "x"}) == ("no x $B", ["A"])


def test_everything_can_be_said_by_the_environment_which_is_stronger(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgres://u:p@h/d\n")
    loaded = read(
        tmp_path, "gateways: { http: { port: 1 } }\n", ROOST_SERVER_PORT="2", ROOST_EGRESS="a.example",
        ROOST_STORE_FILE=str(tmp_path / "secret"), ROOST_SESSION_ON_DISCONNECT="pause", ROOST_QUOTAS_CALLS="off",
        ROOST_AGENTS_STATIC_PATH="agents", ROOST_ADMIN_TOKEN="",
    )  # fmt: skip
    given = loaded.settings
    assert given.server.port == 2 and given.egress == ("a.example",) and given.session.on_disconnect == "pause"
    assert given.services.session is not None and given.services.session.backend == "postgres"
    assert given.admin.token is None and given.quotas.model_fields_set == {"calls"}
    rows = {row.name: (row.value, row.source) for row in shown(loaded)}
    assert rows["services.session.url"] == ("postgres://u:****@h/d", "ROOST_STORE")
    assert refused(loaded) == []
    assert wrong(tmp_path, "", ROOST_SERVER_PORT="x")[0].startswith("ROOST_SERVER_PORT: server.port: ")
    both = wrong(tmp_path, "", ROOST_ADMIN_TOKEN="a", ROOST_ADMIN_TOKEN_FILE="b")
    assert both == ["ROOST_ADMIN_TOKEN: ROOST_ADMIN_TOKEN and ROOST_ADMIN_TOKEN_FILE are both set: unset one"]
    assert len(set(VARIABLES.values())) == len(VARIABLES)


def test_limits_quotas_egress_and_sessions_hold_for_the_app(tmp_path: Path) -> None:
    from roost_chat import ChatAgent

    class Says(ChatAgent):
        when_left = "continue"

    class Leaves(ChatAgent):
        pass

    app = App([Says, Leaves], quotas=lambda caller: Quotas(calls=Rate(5)), egress=["old.example"])
    loaded = read(
        tmp_path,
        "session: { on_disconnect: pause, max_background_runtime: 2h }\n"
        "limits: { max_tick: 5s, state: 512Ki, log: 7 }\nquotas: { tells: 10/m, sockets: off }\negress: []\n",
    )
    applied.to_app(app, loaded)
    assert (app.limits.max_tick, app.limits.state, app.limits.log) == (5.0, 512 << 10, 7)
    assert callable(app.quotas) and not isinstance(app.quotas, Quotas)
    assert app.quotas(None) == Quotas(calls=Rate(5), tells=Rate(10), sockets=None)
    assert app.egress == ()
    assert (Says.when_left, Leaves.when_left, ChatAgent.when_left) == ("continue", "pause", "continue")
    assert Says.max_background_runtime.total_seconds() == 7200


def test_the_command_checks_and_shows(tmp_path: Path) -> None:
    write_app(tmp_path, APP)
    assert here("config", "check", cwd=tmp_path).stdout == "the environment: nothing is wrong\n"
    (tmp_path / "roost.yaml").write_text(STAGE_1)
    (tmp_path / ".env").write_text("TELEGRAM_BOT_TOKEN=bot-secret\n")
    done = here("config", "check", cwd=tmp_path)
    assert done.returncode == 4 and done.stderr.count("\n") == 3 and "roost.yaml:14:44" in done.stderr
    done = here("config", "show", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["server.port"] == {"value": 8080, "from": "roost.yaml:7"}
    assert "bot-secret" not in done.stdout + done.stderr
    done = here("serve", cwd=tmp_path)
    assert done.returncode == 4 and "roost.yaml:9:3: gateways.external" in done.stderr
    (tmp_path / "duragent.yaml").write_text("")
    assert "are both in" in here("config", "check", cwd=tmp_path).stderr
    assert here("config", "check", "none.yaml", cwd=tmp_path).returncode == 2
    (tmp_path / "other.yaml").write_text("agents: { static: { path: agents } }\n")
    done = here("serve", "--settings", "other.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "main:app and agents.static.path of other.yaml: give one" in done.stderr


def test_the_published_schema_is_the_form() -> None:
    published = Path(__file__).parents[3] / "docs" / "roost.schema.json"
    assert json.loads(published.read_text()) == json.loads(json.dumps(schema())), "roost config schema > docs/..."


def test_the_page_of_the_docs_is_served_as_it_is_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    (block,) = re.findall(r"```yaml.*?\n(.*?)```", page, re.DOTALL)
    write_app(tmp_path)
    (tmp_path / "roost.yaml").write_text(block)
    with Running("serve", cwd=tmp_path, PORT="0", ROOST_ADMIN_TOKEN=TOKEN) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert server.end() == 0
    assert {f"ROOST_{name}" for name in re.findall(r"`ROOST_([A-Z_]+)[`=]", page)} - {"ROOST_"} <= {*VARIABLES}
