"""An update expression in the making, with its condition."""

from __future__ import annotations

from typing import Any

from .columns import Column


class Change:
    """An update expression in the making."""

    __slots__ = ("conditions", "names", "removes", "sets", "values")

    def __init__(self) -> None:
        self.sets: list[str] = []
        self.removes: list[str] = []
        self.conditions: list[str] = []
        self.values: dict[str, Any] = {}
        self.names: dict[str, str] = {}

    def value(self, value: dict[str, Any]) -> str:
        """A placeholder for `value`."""
        name = f":{len(self.values)}"
        self.values[name] = value
        return name

    def name(self, attribute: str) -> str:
        """A placeholder for an attribute: short names are reserved words now and then."""
        name = f"#{attribute}"
        self.names[name] = attribute
        return name

    def set(self, attribute: str, value: dict[str, Any] | None) -> None:
        """Set it; None removes it."""
        if value is None:
            self.removes.append(self.name(attribute))
        else:
            self.sets.append(f"{self.name(attribute)} = {self.value(value)}")

    def put(self, column: Column, value: object) -> None:
        """Set a column; None removes it."""
        self.set(column.name, None if value is None else column.write(value))

    def expect(self, column: Column, value: object) -> None:
        """Only if the column has this value; None: if there is none."""
        self.equal(column.name, None if value is None else column.write(value))

    def bump(self, attribute: str, by: int = 1) -> None:
        """Count up from 0."""
        name, start, step = self.name(attribute), self.value({"N": "0"}), self.value({"N": str(by)})
        self.sets.append(f"{name} = if_not_exists({name}, {start}) + {step}")

    def when(self, condition: str) -> None:
        """One more condition; all must hold."""
        self.conditions.append(f"({condition})")

    def equal(self, attribute: str, value: dict[str, Any] | None, absent: bool = False) -> None:
        """Only if it has this value; None, or also when `absent`: if there is none."""
        name = self.name(attribute)
        if value is None:
            self.when(f"attribute_not_exists({name})")
        elif absent:
            self.when(f"attribute_not_exists({name}) OR {name} = {self.value(value)}")
        else:
            self.when(f"{name} = {self.value(value)}")

    def check(self, table: str, pk: str, sk: str) -> dict[str, Any]:
        """Its conditions alone, as a line of a transaction."""
        whole = {**self.params(), "TableName": table, "Key": key(pk, sk)}
        del whole["UpdateExpression"]
        return {"ConditionCheck": whole}

    def params(self) -> dict[str, Any]:
        """As UpdateItem takes it."""
        update = ""
        if self.sets:
            update += "SET " + ", ".join(self.sets)
        if self.removes:
            update += " REMOVE " + ", ".join(self.removes)
        out: dict[str, Any] = {"UpdateExpression": update.strip()}
        if self.conditions:
            out["ConditionExpression"] = " AND ".join(self.conditions)
        if self.values:
            out["ExpressionAttributeValues"] = self.values
        if self.names:
            out["ExpressionAttributeNames"] = self.names
        return out


def key(pk: str, sk: str) -> dict[str, Any]:
    """An item's key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}
