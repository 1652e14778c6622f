"""Actions: methods that callers may run, their arguments' check and their schema."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Final, ParamSpec, TypeVar, cast, get_type_hints, overload

from pydantic import Json, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs, from_json, to_json

from ..contract.encoding import encode_arguments
from ..contract.errors import AgentError, Rejected
from ..contract.trigger import CALLERS, Caller, CallerSource, Source
from .equality import PLAIN, altered
from .shape import look

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]] | Callable[..., AsyncIterator[Any]])

MARK: Final = "__roost_action__"
START: Final = "start:"
"""What the wire name of the action that starts a job begins with."""
WIRE_NAME: Final = 128
"""Characters of a wire name, most."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Back-off of a failing tell or schedule: `first` seconds, times `factor`, at most `max`; then a dead letter."""

    attempts: int = 5
    first: float = 1.0
    factor: float = 2.0
    max: float = 300.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ValueError(f"{self!r}: attempts is a whole number, at least 1")
        if not (isfinite(self.first) and isfinite(self.factor) and isfinite(self.max)):
            raise ValueError(f"{self!r}: seconds and factor are finite numbers")
        if self.first < 0 or self.factor < 1 or self.max < 0:
            raise ValueError(f"{self!r}: attempts and factor are at least 1, seconds are not negative")

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the `attempt`-th failure, counted from 1."""
        return min(self.max, self.first * self.factor ** min(attempt - 1, 64))


@dataclass(frozen=True, slots=True)
class Options:
    """What `@action(...)` was given."""

    name: str | None = None
    readonly: bool = False
    timeout: float | None = None
    retry: Retry = Retry()
    public: bool = True
    by: frozenset[str] = frozenset()
    """Sources of the callers it is for; empty: all."""
    roles: frozenset[str] = frozenset()
    """Roles of which a client must have one; empty: none is asked."""


def callers(
    what: str, by: CallerSource | Sequence[CallerSource], roles: str | Sequence[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """The sources and the roles that were given. ValueError: there is no such source."""
    sources = frozenset([by] if isinstance(by, str) else by)
    if unknown := sorted(sources - CALLERS):
        raise ValueError(
            f"{what}(by={by!r}): there is no source {unknown[0]!r}; there are: {', '.join(sorted(CALLERS))}"
        )
    return sources, frozenset([roles] if isinstance(roles, str) else roles)


@overload
def action(fn: F, /) -> F: ...
@overload
def action(
    *,
    name: str | None = None,
    readonly: bool = False,
    timeout: float | None = None,
    retry: Retry | None = None,
    public: bool = True,
    by: CallerSource | Sequence[CallerSource] = (),
    roles: str | Sequence[str] = (),
) -> Callable[[F], F]: ...
def action(
    fn: F | None = None,
    /,
    *,
    name: str | None = None,
    readonly: bool = False,
    timeout: float | None = None,
    retry: Retry | None = None,
    public: bool = True,
    by: CallerSource | Sequence[CallerSource] = (),
    roles: str | Sequence[str] = (),
) -> F | Callable[[F], F]:
    """Make an async method callable from outside. An async generator streams.

    `name` is the wire name, `timeout` seconds (at most `Limits.max_tick`), `readonly` runs on the committed
    snapshot beside a tick and may not write. `public=False`: for no caller, a target of this app's tells and schedules
    only, as any other async method; it is what gives one a `retry` and a `timeout`. `by`: the sources of callers it is
    for ("client", "agent", "operator", "app"); `roles`: a client must have one of them (`Caller(roles=...)`). Others
    get 403 `not-allowed`.
    """
    if not public and (readonly or name is not None):
        raise ValueError("@action(public=False): nobody calls it, so it has no name of its own and is not readonly")
    sources, needed = callers("@action", by, roles)
    if timeout is not None and not (timeout > 0 and isfinite(timeout)):
        raise ValueError(f"@action(timeout={timeout!r}): the timeout is a positive number of seconds")
    if name is not None:
        check_wire_name(name)

    def mark(fn: F) -> F:
        setattr(fn, MARK, Options(name, readonly, timeout, retry or Retry(), public, sources, needed))
        return fn

    return mark if fn is None else mark(fn)


def check_wire_name(name: str) -> None:
    """ValueError: it can't be a segment of a URL, or the name of a method in a frame."""
    if name in ("", ".", "..") or not name.isprintable() or len(name) > WIRE_NAME:
        raise ValueError(
            f"@action(name={name!r}): a wire name is 1 to {WIRE_NAME} printable characters, and not `.` or `..`, which "
            "URL parsers take out of a path"
        )


class Action:
    """A method as the runtime sees it. Built once a class."""

    __slots__ = (
        "_adapter", "_own", "_texts", "_validate", "attr", "fn", "guarded", "name", "options", "public", "result",
        "result_name", "signature", "streams",
    )  # fmt: skip

    def __init__(self, attr: str, fn: Callable[..., Any], options: Options, *, public: bool) -> None:
        self.attr = attr
        self.fn = fn
        self.name = options.name or attr
        self.result_name = f"the result of {self.name}"
        """As a refusal calls it."""
        self.options = options
        self.public = public
        self.guarded = bool(options.by or options.roles)
        """Not everybody may run it: `admit` says who."""
        self.streams = inspect.isasyncgenfunction(fn)
        if not (self.streams or inspect.iscoroutinefunction(fn)):
            raise TypeError(f"{fn.__qualname__} must be `async def`: actions, hooks and schedule targets are")
        signature = inspect.signature(fn)
        parameters = list(signature.parameters.values())
        self.signature = signature.replace(parameters=parameters[1:])
        self._own = {p.name for p in parameters[:1] if p.kind is p.POSITIONAL_OR_KEYWORD}
        """`self`, under whatever name: a caller's keyword of that name would be taken for it."""
        try:
            hints = get_type_hints(fn, include_extras=True)
        except NameError as error:
            raise TypeError(
                f"{fn.__qualname__}: {error}; annotations of actions must be importable at run time, "
                "not only under TYPE_CHECKING"
            ) from error
        self.result: Any = hints.pop("return", Any)
        self._adapter = _arguments(fn, self.signature, hints)
        schema: Any = self._adapter.core_schema
        shape = look(schema)
        texts = _as_json(fn, self.signature, hints, schema) if shape.json else None
        self._texts = texts is not None
        validate: Callable[..., Any] = (texts or self._adapter).validator.validate_python
        self._validate = partial(validate, by_alias=True, by_name=True) if shape.aliased else validate

    def admit(self, source: Source, caller: Caller | None, own: bool) -> None:
        """Rejected 403 `not-allowed`: it is not for this caller. `own`: the agent itself, which may run all of its own.

        Roles are what the auth hook gives to clients; the deployment's own code and its operator have none.
        """
        if own:
            return
        by, roles = self.options.by, self.options.roles
        if by and source not in by:
            raise Rejected(
                f"{self.name} is for callers of the kind {' or '.join(sorted(by))}, and this one is: {source}",
                code="not-allowed", status=403,
            )  # fmt: skip
        if roles and source == "client" and not (caller is not None and roles.intersection(caller.roles)):
            raise Rejected(
                f"{self.name} asks for the role {' or '.join(sorted(roles))}, which this caller does not have",
                code="not-allowed", status=403,
            )  # fmt: skip

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, JSON data, checked and converted; Rejected 422 `bad-arguments` names each wrong one."""
        if kwargs and not self._own.isdisjoint(kwargs):
            (name,) = self._own
            raise Rejected(f"{self.name}: there is no argument {name!r}", code="bad-arguments", status=422)
        try:
            if self._texts:
                args, kwargs = [to_json(x) for x in args], {k: to_json(x) for k, x in kwargs.items()}
            bound: tuple[tuple[Any, ...], dict[str, Any]] = self._validate(ArgsKwargs(tuple(args), {**kwargs}))
            return bound
        except ValidationError as error:
            names = [*self.signature.parameters]
            raise Rejected(
                f"{self.name}: {describe(error, names)}", code="bad-arguments", status=422, data=details(error, names)
            ) from None

    def pack(self, args: Sequence[Any], kwargs: Mapping[str, Any], what: str, limit: int) -> tuple[bytes, Any]:
        """Arguments that the agent's code gave, as JSON and as data; refused unless they arrive as they are."""
        data = encode_arguments(args, kwargs, what, limit)
        copy = from_json(data)
        there, named = self.bind(copy["args"], copy["kwargs"])
        for i, value in enumerate(args):
            if type(value) not in PLAIN and i < len(there):
                _same(altered(value, there[i], f"argument {i + 1}"), what)
        for name, value in kwargs.items():
            if type(value) not in PLAIN and name in named:
                _same(altered(value, named[name], name), what)
        return data, copy

    def schema(self, refs: str = "#/components/schemas/{model}") -> dict[str, Any]:
        """JSON schema of the keyword arguments; of the array when some are positional only. `refs`: of models."""
        return self._adapter.json_schema(ref_template=refs)

    @property
    def chunk(self) -> Any:
        """The type of what a stream gives, as annotated; Any when the annotation says nothing."""
        return next(iter(getattr(self.result, "__args__", ())), Any)

    def result_schema(self) -> dict[str, Any]:
        """JSON schema of the result; of one chunk for a stream; {} when the annotation says nothing."""
        kind = self.chunk if self.streams else self.result
        try:
            return TypeAdapter[Any](kind).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        except Exception:  # an annotation pydantic can't describe is no reason to have no OpenAPI
            return {}


def _same(where: str | None, what: str) -> None:
    if where is not None:
        raise AgentError(
            f"the arguments of {what}: {where} would not arrive as it was given: pydantic does not read it back as it "
            "writes it",
            code="bad-arguments",
        )


def _arguments(fn: Callable[..., Any], signature: inspect.Signature, hints: dict[str, Any]) -> TypeAdapter[Any]:
    def collect(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    parameters = [p.replace(annotation=hints.get(p.name, Any)) for p in signature.parameters.values()]
    bare = cast(Any, collect)
    bare.__signature__ = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    bare.__annotations__ = {p.name: p.annotation for p in parameters}
    bare.__module__, bare.__qualname__, bare.__name__ = fn.__module__, fn.__qualname__, fn.__name__
    try:
        return TypeAdapter(bare)
    except PydanticUserError as error:
        raise TypeError(f"{fn.__qualname__}: {_no_data(parameters)}, which callers can't send as JSON") from error


def _no_data(parameters: Sequence[inspect.Parameter]) -> str:
    """The first parameter whose type pydantic does not know."""
    for parameter in parameters:
        try:
            TypeAdapter[Any](parameter.annotation)
        except PydanticUserError:
            return f"{parameter.name} is {getattr(parameter.annotation, '__qualname__', parameter.annotation)}"
    return "a parameter has a type"


def _as_json(
    fn: Callable[..., Any], signature: inspect.Signature, hints: dict[str, Any], schema: Mapping[str, Any]
) -> TypeAdapter[Any] | None:
    """The same check for arguments that are each a text of JSON: only so pydantic knows that they came as JSON.

    None: a parameter says more than its type (an alias, a default in its annotation), which this would lose.
    """
    inner: Any = schema
    while "arguments_schema" in inner and not isinstance(inner["arguments_schema"], list):
        inner = inner["arguments_schema"]
    known = {p["name"]: p for p in inner.get("arguments_schema", ())}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            if inner.get("var_kwargs_mode") == "unpacked-typed-dict":
                return None
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found = known.get(parameter.name, {})
            given = found.get("schema", {}).get("type") == "default"
            if "alias" in found or given == (parameter.default is parameter.empty):
                return None
    json: Any = Json
    try:
        return _arguments(fn, signature, {p: json[hints.get(p, Any)] for p in signature.parameters})
    except Exception:  # an annotation that means something only where it stands
        return None


def describe(error: ValidationError, names: Sequence[str] = ()) -> str:
    """One line: each wrong field and what is wrong with it. `names` are those of positional arguments."""
    parts = [
        f"{'.'.join(map(str, _named(e['loc'], names))) or 'value'}: {e['msg']}"
        for e in error.errors(include_url=False)[:5]
    ]
    more = error.error_count() - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")


def _named(loc: tuple[int | str, ...], names: Sequence[str]) -> tuple[int | str, ...]:
    """Where an error is, with the argument by its name, however it was given."""
    if loc and isinstance(loc[0], int) and loc[0] < len(names):
        return (names[loc[0]], *loc[1:])
    return loc


def details(error: ValidationError, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The errors as data for a problem document: loc, msg, type. Inputs are left out: they may be secret."""
    return [
        {"loc": list(_named(e["loc"], names)), "msg": e["msg"], "type": e["type"]}
        for e in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    ]
