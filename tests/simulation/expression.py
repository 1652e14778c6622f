"""DynamoDB's expressions, as far as Roost writes them: parsed once, then evaluated on items.

What is not known here is refused with `Unsupported`, never guessed. Grammar:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

Value: TypeAlias = dict[str, Any]
"""An attribute's value: {type: value}."""
Item: TypeAlias = dict[str, Value]
Names: TypeAlias = Mapping[str, str]
Values: TypeAlias = Mapping[str, Value]
Test: TypeAlias = Callable[[Item, Names, Values], bool]
Operand: TypeAlias = Callable[[Item, Names, Values], "Value | None"]
Path: TypeAlias = Callable[[Names], str]

PLAIN: Final = frozenset({
    "pk", "sk", "lk", "ln", "wk", "wt", "o", "x", "e", "f", "dn", "holder",
})  # fmt: skip
"""Attributes that are written out: none is one of DynamoDB's reserved words, of which there are 573."""
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "<>": operator.ne,
}  # fmt: skip
_TOKEN: Final = re.compile(r"\s*([#:]?[A-Za-z0-9_]+|<=|>=|<>|[=<>()+,-])")


class Unsupported(Exception):
    """An expression or a parameter that this DynamoDB does not know: teach it, or don't write it."""


class Invalid(Exception):
    """DynamoDB would answer ValidationException."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, a filter, or a key condition."""

    test: Test
    placeholders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Update:
    """An update expression: what is set, removed, and added."""

    sets: tuple[tuple[Path, Operand], ...]
    removes: tuple[Path, ...]
    adds: tuple[tuple[Path, Operand], ...]
    placeholders: frozenset[str]

    def apply(self, item: Item, names: Names, values: Values) -> Item:
        """The item after it. All operands are read from the item before it."""
        out = dict(item)
        touched: set[str] = set()
        for path, operand in self.sets:
            value = operand(item, names, values)
            if value is None:
                raise Invalid("the provided expression refers to an attribute that does not exist in the item")
            out[_once(path(names), touched)] = value
        for path, operand in self.adds:
            name = _once(path(names), touched)
            out[name] = _sum(item.get(name, {"N": "0"}), operand(item, names, values), 1)
        for path in self.removes:
            out.pop(_once(path(names), touched), None)
        return out

    def touched(self, names: Names) -> set[str]:
        """The attributes it writes."""
        return {path(names) for path, _ in self.sets + self.adds} | {path(names) for path in self.removes}


def _once(name: str, touched: set[str]) -> str:
    if name in touched:
        raise Invalid(f"two document paths overlap with each other: {name}")
    touched.add(name)
    return name


def number(value: Value | None) -> float:
    """A number that can be counted with."""
    if value is None or "N" not in value:
        raise Invalid("an operand in the update expression has an incorrect data type")
    return float(value["N"])


def _sum(left: Value | None, right: Value | None, sign: int) -> Value:
    total = number(left) + sign * number(right)
    return {"N": str(int(total)) if total.is_integer() else repr(total)}


def comparable(value: Value) -> tuple[str, Any]:
    """Type, and what values of the type are ordered by."""
    kind, inner = next(iter(value.items()))
    if kind == "N":
        return kind, float(inner)
    if kind in ("S", "B"):
        return kind, inner  # text compares by code points, which is the order of its UTF-8 bytes
    raise Unsupported(f"comparing values of type {kind}")


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise Unsupported(f"{text[at:]!r} in {text!r}")
            self.tokens.append(found[1])
            at = found.end()
        self.text = text
        self.at = 0
        self.placeholders: set[str] = set()

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        found = self.peek()
        if not found or (wanted and found.upper() != wanted):
            raise Unsupported(f"{wanted or 'more'} expected, not {found!r}, in {self.text!r}")
        self.at += 1
        return found

    def accept(self, wanted: str) -> bool:
        if self.peek().upper() == wanted:
            self.at += 1
            return True
        return False

    def list(self, one: Callable[[], Any]) -> Iterable[Any]:
        out = [one()]
        while self.accept(","):
            out.append(one())
        return out

    # Conditions --------------------------------------------------------------------------------------

    def condition(self) -> Test:
        left = self.conjunction()
        while self.accept("OR"):
            left = _either(left, self.conjunction())
        return left

    def conjunction(self) -> Test:
        left = self.term()
        while self.accept("AND"):
            left = _both(left, self.term())
        return left

    def term(self) -> Test:
        if self.accept("("):
            inner = self.condition()
            self.take(")")
            return inner
        name = self.peek()
        if name in ("attribute_exists", "attribute_not_exists"):
            self.take()
            self.take("(")
            path = self.path()
            self.take(")")
            there = name == "attribute_exists"
            return lambda item, names, values: (path(names) in item) is there
        if name == "begins_with":
            self.take()
            self.take("(")
            path = self.path()
            self.take(",")
            prefix = self.operand()
            self.take(")")
            return _begins(path, prefix)
        left = self.operand()
        if self.accept("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return _both(_compared(low, "<=", left), _compared(left, "<=", high))
        sign = self.take()
        if sign not in _COMPARE:
            raise Unsupported(f"the comparison {sign!r} in {self.text!r}")
        return _compared(left, sign, self.operand())

    # Updates -----------------------------------------------------------------------------------------

    def update(self) -> Update:
        sets: list[tuple[Path, Operand]] = []
        removes: list[Path] = []
        adds: list[tuple[Path, Operand]] = []
        seen: set[str] = set()
        while self.peek():
            section = self.take().upper()
            if section in seen:
                raise Unsupported(f"{section} twice in {self.text!r}")
            seen.add(section)
            if section == "SET":
                sets.extend(self.list(self.assignment))
            elif section == "REMOVE":
                removes.extend(self.list(self.path))
            elif section == "ADD":
                adds.extend(self.list(lambda: (self.path(), self.operand())))
            else:
                raise Unsupported(f"{section} in {self.text!r}")
        return Update(tuple(sets), tuple(removes), tuple(adds), frozenset(self.placeholders))

    def assignment(self) -> tuple[Path, Operand]:
        path = self.path()
        self.take("=")
        left = self.operand()
        if self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            right, first = self.operand(), left
            return path, lambda item, names, values: _sum(first(item, names, values), right(item, names, values), sign)
        return path, left

    # Operands ----------------------------------------------------------------------------------------

    def path(self) -> Path:
        token = self.take()
        if token[0] == "#":
            self.placeholders.add(token)
            return lambda names: _defined(names, token)
        if token not in PLAIN:
            raise Unsupported(f"the attribute {token!r}, written out, in {self.text!r}")
        return lambda names: token

    def operand(self) -> Operand:
        token = self.peek()
        if token == "if_not_exists":
            self.take()
            self.take("(")
            path = self.path()
            self.take(",")
            other = self.operand()
            self.take(")")
            return lambda item, names, values: item.get(path(names)) or other(item, names, values)
        if token[:1] == ":":
            self.take()
            self.placeholders.add(token)
            return lambda item, names, values: _defined(values, token)
        path = self.path()
        return lambda item, names, values: item.get(path(names))


def _defined(given: Mapping[str, Any], token: str) -> Any:
    if token not in given:
        raise Invalid(f"an expression uses {token}, which is not defined")
    return given[token]


def _either(left: Test, right: Test) -> Test:
    return lambda item, names, values: left(item, names, values) or right(item, names, values)


def _both(left: Test, right: Test) -> Test:
    return lambda item, names, values: left(item, names, values) and right(item, names, values)


def _begins(path: Path, prefix: Operand) -> Test:
    def test(item: Item, names: Names, values: Values) -> bool:
        found, start = item.get(path(names)), prefix(item, names, values)
        assert start is not None
        return found is not None and str(found["S"]).startswith(start["S"])

    return test


def _compared(left: Operand, sign: str, right: Operand) -> Test:
    compare = _COMPARE[sign]

    def test(item: Item, names: Names, values: Values) -> bool:
        a, b = left(item, names, values), right(item, names, values)
        if a is None or b is None:
            return False  # what is not there compares with nothing
        kind, inner = comparable(a)
        other, outer = comparable(b)
        return kind == other and compare(inner, outer)

    return test


@lru_cache(maxsize=4096)
def condition(text: str) -> Condition:
    """A condition, a filter or a key condition."""
    parser = _Parser(text)
    test = parser.condition()
    if parser.peek():
        raise Unsupported(f"{parser.peek()!r} after the end of {text!r}")
    return Condition(test, frozenset(parser.placeholders))


@lru_cache(maxsize=4096)
def update(text: str) -> Update:
    """An update expression."""
    return _Parser(text).update()
