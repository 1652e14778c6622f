"""What an agent class can get wrong, refused when it is made, with the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import httpx
import pytest
from pydantic import BaseModel

from roost import Agent, AgentError, App, Limits, Retry, action
from roost.contract.address import kebab


class Tally(BaseModel):
    count: int = 0


class Needy(BaseModel):
    owner: str


def hides_a_name() -> type:
    class Bad(Agent[Tally]):
        @action
        async def schedule(self) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    return Bad


def unknown_hook() -> type:
    class Bad(Agent[Tally]):
        async def on_wake(self) -> None: ...

    return Bad


def constructor() -> type:
    class Bad(Agent[Tally]):
        def __init__(self) -> None: ...

    return Bad


def plain_function() -> type:
    class Bad(Agent[Tally]):
        @action  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
        def go(self) -> None: ...

    return Bad


def plain_hook() -> type:
    class Bad(Agent[Tally]):
        def on_start(self) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    return Bad


def same_wire_name() -> type:
    class Bad(Agent[Tally]):
        @action(name="go")
        async def one(self) -> None: ...

        @action(name="go")
        async def two(self) -> None: ...

    return Bad


class Opened(Agent[Tally]):
    @action
    async def go(self) -> None: ...


def overridden() -> type:
    class Bad(Opened):
        async def go(self) -> None: ...

    return Bad


def state_without_defaults() -> type:
    class Bad(Agent[Needy]): ...

    return Bad


def state_that_is_no_model() -> type:
    class Bad(Agent[int]): ...  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]

    return Bad


def bad_kind() -> type:
    class Bad(Agent[Tally]):
        kind = "No Kind"

    return Bad


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (hides_a_name, r'hides Roost\'s own `schedule`.*@action\(name="schedule"\)'),
        (unknown_hook, r"on_wake: no such hook; the hooks are on_connect"),
        (constructor, r"rebuilt at every wake.*on_start"),
        (plain_function, r"must be `async def`"),
        (plain_hook, r"on_start must be `async def`"),
        (same_wire_name, r"two actions have the wire name 'go'"),
        (overridden, r"Bad.go overrides an action and is none itself.*write @action over it"),
        (state_without_defaults, r"give defaults: owner: Field required"),
        (state_that_is_no_model, r"its state must be a pydantic model"),
        (bad_kind, r"'No Kind' is not a kind"),
    ],
)
def test_a_broken_class_is_refused(make: Callable[[], type], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        make()


def test_an_action_can_be_taken_away() -> None:
    class Closed(Opened):
        go = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    assert not Closed._kind.actions  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "\x00", "\ud800", "x" * 129])
def test_a_wire_name_is_a_segment_of_a_url(name: str) -> None:
    with pytest.raises(ValueError, match="a wire name is 1 to 128 printable characters"):
        action(name=name)


NAN = float("nan")


@pytest.mark.parametrize(
    "given",
    [{"first": NAN}, {"max": NAN}, {"factor": NAN}, {"first": float("inf")}, {"attempts": NAN}, {"attempts": 1.5}],
)
def test_a_retry_is_made_of_finite_numbers(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"finite numbers|whole number"):
        Retry(**given)
    with pytest.raises(ValueError, match="positive number"):
        action(timeout=NAN)


def test_types_are_found_through_generic_bases() -> None:
    S = TypeVar("S", bound=BaseModel)

    class Base(Agent[S], Generic[S]):
        @action
        async def shared(self) -> None: ...

    class Leaf(Base[Tally]):
        @action
        async def own(self) -> None: ...

    kind = Leaf._kind  # pyright: ignore[reportPrivateUsage]
    assert kind.state_type is Tally
    assert sorted(kind.actions) == ["own", "shared"]
    assert Leaf.kind == "leaf"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Counter", "counter"), ("ChatRoom", "chat-room"), ("HTTP", "http"), ("My_Agent", "my--agent"), ("A", "a")],
)
def test_kinds_are_spelled_as_the_javascript_client_spells_them(name: str, kind: str) -> None:
    assert kebab(name) == kind


def test_a_helper_may_be_given_anything_but_is_no_target() -> None:
    class Helped(Agent[Tally]):
        async def send(self, client: httpx.AsyncClient, what: str) -> None: ...

        async def fine(self, what: str) -> None: ...

    kind = Helped._kind  # pyright: ignore[reportPrivateUsage]
    assert kind.wire_name("fine") == "fine"
    with pytest.raises(AgentError, match=r"Helped.send can't be scheduled or told: .*client is AsyncClient"):
        kind.wire_name("send")
    with pytest.raises(TypeError, match=r"send: client is AsyncClient, which callers can't send as JSON"):

        class Open(Agent[Tally]):  # pyright: ignore[reportUnusedClass]
            @action
            async def send(self, client: httpx.AsyncClient) -> None: ...


def test_what_starts_a_job_has_its_name_to_itself() -> None:
    with pytest.raises(TypeError, match="'start:work' is that of an action that starts a job"):

        class Working(Agent[Tally]):  # pyright: ignore[reportUnusedClass]
            @action(name="start:work")
            async def work(self) -> None: ...


def test_an_app_takes_each_kind_once() -> None:
    class Counter(Agent[Tally]): ...

    class Other(Agent[Tally]):
        kind = "counter"

    with pytest.raises(TypeError, match="two agents have the kind 'counter'"):
        App([Counter, Other])
    with pytest.raises(TypeError, match="at least one"):
        App([])
    nothing: Any = int
    with pytest.raises(TypeError, match="not an agent class"):
        App([nothing])


def test_raised_limits_name_who_is_left() -> None:
    assert Limits().refused_by() == {"local": [], "cloudflare": [], "lambda": []}
    raised = Limits(message_in=64 * 1024).refused_by()
    assert raised == {"local": [], "cloudflare": [], "lambda": ["message_in"]}
    assert Limits(schedules=5000).refused_by()["local"] == ["schedules"]
    for bad in (0, NAN, float("inf")):
        with pytest.raises(ValueError, match="positive number of bytes"):
            Limits(state=cast(Any, bad))
    with pytest.raises(ValueError, match="40 levels for every app"):
        Limits(depth=41)
