"""The OpenAPI document: valid, one typed operation per action, no name twice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from pydantic import BaseModel

from roost import Agent, App, action

from .agents import Counter
from .rig import rig

pytestmark = pytest.mark.anyio


async def document(app: App | None = None) -> dict[str, Any]:
    async with rig(app) as r:
        answer = await r.http.get("/openapi.json")
        assert answer.status_code == 200
        assert (await r.http.get("/openapi.json")).content == answer.content
        found: dict[str, Any] = answer.json()
        return found


def references(node: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(node)))


async def test_it_is_valid() -> None:
    doc = await document()
    schemathesis.openapi.from_dict(doc).validate()
    known = {f"#/components/{what}/{name}" for what, group in doc["components"].items() for name in group}
    assert references(doc) <= known
    ids = [op["operationId"] for path in doc["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))
    assert not [name for name in doc["components"]["schemas"] if not name.replace(".", "").replace("-", "").isalnum()]
    assert '"$defs"' not in str(doc)


async def test_each_action_has_its_operation() -> None:
    doc = await document()
    for name in Counter._kind.actions:  # pyright: ignore[reportPrivateUsage]
        operation = doc["paths"][f"/v1/agents/counter/{{key}}/call/{name}"]["post"]
        assert operation["operationId"] == f"counter.{name}"
        assert {"200", "400", "422", "503", "default"} <= set(operation["responses"])
    operation = doc["paths"]["/v1/agents/counter/{key}/call/increment"]["post"]
    assert operation["summary"] == "Count up."
    assert "as much as you like" in operation["description"]


async def test_each_job_has_an_operation_that_starts_it() -> None:
    operation = (await document())["paths"]["/v1/agents/counter/{key}/start/work"]["post"]
    assert (operation["operationId"], operation["summary"]) == ("counter.start.work", "Count in a job.")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for form in schema.get("anyOf", [schema]):
        assert form["properties"]["key"]["type"] == ["string", "null"]
    assert "202" in operation["responses"]


async def test_arguments_by_name_or_by_position() -> None:
    paths = (await document())["paths"]

    def forms(name: str) -> list[dict[str, Any]]:
        body = paths[f"/v1/agents/counter/{{key}}/call/{name}"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        return [form["properties"] for form in schema.get("anyOf", [schema])]

    by_name, by_position = forms("buy")
    assert by_name["kwargs"]["required"] == ["item", "count"]
    assert by_name["args"]["maxItems"] == 0
    assert by_position["args"] == {
        "type": "array",
        "prefixItems": [{"$ref": "#/components/schemas/counter.Item"}, {"title": "Count", "type": "integer"}],
        "minItems": 2,
        "maxItems": 2,
    }
    by_name, by_position = forms("echo")
    assert list(by_position["args"]["prefixItems"]) == [{"default": None, "title": "Value"}]
    assert list(by_position["kwargs"]["properties"]) == ["more"]
    (only,) = forms("get")
    assert only["kwargs"]["properties"] == {}
    (only,) = forms("positional")
    assert len(only["args"]["prefixItems"]) == 2
    (loose,) = forms("mixed")
    assert loose == {"args": {"type": "array"}, "kwargs": {"type": "object"}}


async def test_results() -> None:
    paths = (await document())["paths"]

    def result(name: str) -> Any:
        answer = paths[f"/v1/agents/counter/{{key}}/call/{name}"]["post"]["responses"]["200"]
        return answer["content"]["application/json"]["schema"]["properties"]["result"]

    assert result("increment") == {"type": "integer"}
    assert result("trickle") == {"type": "array", "items": {"type": "integer"}}
    assert result("reject") == {"type": "null"}
    assert result("buy")["items"]["$ref"].startswith("#/components/schemas/counter.Item")


class Square(BaseModel):
    side: int


class Circle(BaseModel):
    radius: float
    inner: list[Circle] = []


for model in (Square, Circle):  # as if they stood in two modules
    model.__name__ = model.__qualname__ = "Shape"
    model.model_rebuild(force=True)


class Drawer(Agent):
    @action
    async def square(self, shape: Square) -> Square:
        return shape

    @action
    async def circle(self, shape: list[Circle]) -> Circle:
        return shape[0]

    @action
    async def odd(self, what: Any, call: type[int] = int) -> object:
        return what


async def test_models_of_one_name_are_kept_apart() -> None:
    doc = await document(App([Drawer]))
    schemas = doc["components"]["schemas"]
    names = sorted(n for n in schemas if n.startswith("drawer."))
    members = [sorted(schemas[n]["properties"]) for n in names]
    assert ["side"] in members
    assert ["inner", "radius"] in members
    schemathesis.openapi.from_dict(doc).validate()
    circle = doc["paths"]["/v1/agents/drawer/{key}/call/circle"]["post"]["requestBody"]
    (ref,) = references(circle)
    assert sorted(schemas[ref.rpartition("/")[2]]["properties"]) == ["inner", "radius"]
    assert references(schemas[ref.rpartition("/")[2]]) == {ref}
