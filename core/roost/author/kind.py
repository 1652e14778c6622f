"""A kind: an agent class compiled once. Every rule that a class can break is checked here, at its creation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeVar as DefaultTypeVar

from ..contract.address import check_kind, kebab
from ..contract.encoding import checked
from ..contract.errors import AgentError, NotFound, RoostError
from .action import MARK, START, Action, Options, describe
from .equality import difference
from .shape import shape_of

if TYPE_CHECKING:
    from .job_method import JobMethod

HOOKS: Final = frozenset({"on_start", "on_connect", "on_message", "on_disconnect", "on_request", "on_job"})
JOB: Final = "__roost_job__"
"""The mark of `@job`, whose module only kinds with jobs load."""
HOOK: Final = "__roost_hook__"
"""The mark of a hook that a base class of a package declares: `on_turn` of chat agents."""


class Empty(BaseModel):
    """State or config of an agent that has none."""


class Kind:
    """What the runtime knows of an agent class."""

    __slots__ = (
        "actions", "attrs", "client_writes", "cls", "config_type", "default", "helpers", "hooks", "jobs", "methods",
        "name", "own_view", "starts", "state_type", "state_version", "stateful", "to_bytes", "unordered", "validate",
    )  # fmt: skip

    def __init__(self, cls: type[Any], reserved: frozenset[str]) -> None:
        self.cls = cls
        self.name = check_kind(cls.__dict__.get("kind") or kebab(cls.__name__))
        self.state_type, self.config_type = _parameters(cls)
        self.stateful = self.state_type is not Empty
        self.client_writes = bool(cls.client_writes)
        self.state_version = int(cls.state_version)
        self.hooks: frozenset[str] = frozenset()
        self.actions: dict[str, Action] = {}
        self.attrs: dict[str, Action] = {}
        self.methods: dict[str, Action] = {}
        self.helpers: dict[str, str] = {}
        """Async methods that nothing stored can name -> why."""
        self.jobs: dict[str, JobMethod] = {}
        self.starts: dict[str, Action] = {}
        """Wire name -> the action that starts a job from outside."""
        self._check(reserved)
        self.own_view = "view" in _own(cls)
        shape = shape_of(self.state_type)
        if shape.faults:
            raise TypeError(f"{cls.__name__}: its state would not be read back as it was: {'; '.join(shape.faults)}")
        self.unordered = shape.unordered
        validate: Callable[..., Any] = self.state_type.__pydantic_validator__.validate_json
        self.validate = partial(validate, by_alias=True, by_name=True) if shape.aliased else validate
        self.to_bytes = self.state_type.__pydantic_serializer__.to_json
        self.default = self._default()
        self._check_config()

    def _check(self, reserved: frozenset[str]) -> None:
        cls = self.cls
        own = _own(cls)
        if "__init__" in own or "__new__" in own:
            raise TypeError(
                f"{cls.__name__}.__init__: an agent is rebuilt at every wake, so it has no constructor; "
                "give the state model defaults, or write on_start, which runs once in an agent's life"
            )
        hooks: set[str] = set()
        bases = cls.__mro__[1:]
        for name, value in own.items():
            options = getattr(value, MARK, None)
            if isinstance(options, Options):
                if name in reserved:
                    raise TypeError(
                        f"{cls.__name__}.{name}: the action's name hides Roost's own `{name}`; rename the method "
                        f'and keep the wire name: @action(name="{name}") async def do_{name}(...)'
                    )
                if options.public:
                    self._add(Action(name, value, options, public=True))
                else:
                    self.methods[name] = Action(name, value, options, public=False)
            elif hasattr(value, JOB):
                self._add_job(name, value, reserved)
            elif name in HOOKS:
                if not inspect.iscoroutinefunction(value):
                    raise TypeError(f"{cls.__name__}.{name} must be `async def`")
                hooks.add(name)
            elif name.startswith("on_") and callable(value) and not _declared(bases, name, value):
                raise TypeError(
                    f"{cls.__name__}.{name}: no such hook; the hooks are {', '.join(sorted(HOOKS))}. "
                    "For a method of your own choose a name without `on_`"
                )
            elif name == "view" and (inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)):
                raise TypeError(
                    f"{cls.__name__}.view must be a plain `def`: it shows a snapshot, and waits for nothing"
                )
            elif name in reserved and name not in {"view", "migrate", "kind", "client_writes", "state_version"}:
                raise TypeError(f"{cls.__name__}.{name} hides Roost's own `{name}`; choose another name")
            elif callable(value) and any(isinstance(getattr(vars(b).get(name), MARK, None), Options) for b in bases):
                raise TypeError(
                    f"{cls.__name__}.{name} overrides an action and is none itself, so that callers would lose it; "
                    f"write @action over it too, or `{name} = None` to take the action away"
                )
            elif inspect.iscoroutinefunction(value) and not name.startswith("__"):
                try:
                    self.methods[name] = Action(name, value, Options(), public=False)
                except TypeError as error:  # a helper of the author's, to whom it may give anything
                    self.helpers[name] = str(error)
        self.hooks = frozenset(hooks)

    def _add_job(self, name: str, value: Any, reserved: frozenset[str]) -> None:
        if name in reserved or name in HOOKS:
            raise TypeError(f"{self.cls.__name__}.{name}: the job's name hides Roost's own `{name}`; rename it")
        made: JobMethod = getattr(value, JOB).method(name, value)
        self.jobs[name] = made
        self.starts[made.start.name] = made.start

    def _add(self, one: Action) -> None:
        if one.name.startswith(START):
            raise TypeError(f"{self.cls.__name__}: the wire name {one.name!r} is that of an action that starts a job")
        if one.name in self.actions:
            raise TypeError(f"{self.cls.__name__}: two actions have the wire name {one.name!r}")
        self.actions[one.name] = one
        self.attrs[one.attr] = one

    def _default(self) -> bytes:
        """The first state of every agent: it must be the same wherever and whenever it is made, and read back."""
        name, model = self.cls.__name__, self.state_type
        try:
            first, second = model(), model()
        except ValidationError as error:
            raise TypeError(
                f"{name}: its state {model.__name__} must be constructible without arguments, as an agent's first "
                f"state; give defaults: {describe(error)}"
            ) from None
        changing = difference(first, second)
        if changing is not None:
            raise TypeError(
                f"{name}: the default of {model.__name__}.{changing} is another one each time, but all agents would "
                "share what it was when this class was made; give it a fixed default, and set it in on_start, which "
                "runs once in an agent's life"
            )
        try:
            raw = checked(self.to_bytes(first, warnings=False), "the default state")
            found = difference(first, self.validate(raw))
        except (ValidationError, ValueError, RoostError) as error:
            why = describe(error) if isinstance(error, ValidationError) else error
            raise TypeError(f"{name}: the default of {model.__name__} can't be stored and read back: {why}") from None
        if found is not None:
            raise TypeError(
                f"{name}: the default of {model.__name__}.{found} is not read back as it was written; use a type that "
                "pydantic writes and reads alike"
            )
        return raw

    def _check_config(self) -> None:
        """Hosts make the config each on their own: its defaults must be fixed."""
        for field, info in self.config_type.model_fields.items():
            factory: Any = info.default_factory
            if factory is None or info.default_factory_takes_validated_data:
                continue
            if difference(factory(), factory()) is not None:
                raise TypeError(
                    f"{self.cls.__name__}: the default of {self.config_type.__name__}.{field} is another one each "
                    "time, so that each host would have its own; give it a fixed default, or none"
                )

    def action(self, name: str) -> Action:
        """The public action with this wire name; NotFound says which there are."""
        found = self.actions.get(name) or self.starts.get(name)
        if found is not None:
            return found
        if name in self.methods or name in HOOKS or hasattr(self.cls, name):
            raise NotFound(f"Method {name} is not callable: it is not an @action of {self.name}", code="not-an-action")
        if name.startswith(START):
            known = ", ".join(sorted(self.jobs)) or "none"
            raise NotFound(
                f"there is no job {name.removeprefix(START)}; the jobs of {self.name} are: {known}", code="unknown-job"
            )
        known = ", ".join(sorted(self.actions)) or "none"
        raise NotFound(f"Method {name} does not exist; the actions of {self.name} are: {known}", code="unknown-action")

    def target(self, name: str) -> Action:
        """The action or other async method a stored target names; what starts a job, too."""
        return self.actions.get(name) or self.methods.get(name) or self.action(name)

    def wire_name(self, attr: str) -> str:
        """The name under which a method is stored; AgentError when it can't be a target."""
        found = self.attrs.get(attr) or self.methods.get(attr)
        if found is None:
            why = self.helpers.get(attr, "it must be an `async def` method")
            raise AgentError(f"{self.cls.__name__}.{attr} can't be scheduled or told: {why}")
        return found.name


def _declared(bases: tuple[type, ...], name: str, value: Any) -> bool:
    """Whether a base class says that there is this hook."""
    return hasattr(value, HOOK) or any(hasattr(vars(base).get(name), HOOK) for base in bases)


def _own(cls: type) -> dict[str, Any]:
    """Members of the user's classes, most derived last; the framework's own class and `object` left out."""
    out: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is object or base.__module__ in {"roost.author.agent", "typing", "typing_extensions"}:
            continue
        out.update(vars(base))
    return out


def _parameters(cls: type) -> tuple[type[BaseModel], type[BaseModel]]:
    """The S and C of `Agent[S, C]`, through generic bases."""
    found = _resolve(cls)
    state, config = (*found, Empty, Empty)[:2] if found else (Empty, Empty)
    out: list[type[BaseModel]] = []
    for what, model in (("state", state), ("config", config)):
        if isinstance(model, (TypeVar, DefaultTypeVar)):
            model = Empty  # a generic base of the user's own, not bound yet
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{cls.__name__}: its {what} must be a pydantic model, not {model!r}")
        out.append(model)
    return out[0], out[1]


def _resolve(cls: type) -> tuple[Any, ...] | None:
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if not isinstance(origin, type):
            continue
        if origin.__module__ == "roost.author.agent" and origin.__name__ == "Agent":
            return get_args(base)
        inner = _resolve(origin)
        if inner is None:
            continue
        names = getattr(origin, "__parameters__", ())
        given = dict(zip(names, get_args(base), strict=False))
        return tuple(given.get(x, x) for x in inner)
    return None
